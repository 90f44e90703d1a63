# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one node has to do to reach a stage of the rotation (pure)."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from .._core.plan import Plan, Refused, Step
from .._kubeadm import paths
from .._x509 import estate
from .._x509.model import Certificate
from . import model
from .model import DROPPED, FINISHED, KUBELET_LEAVES, MADE, MOVED, SIGNED, TRUSTED, Authority, Node

MAKE = "make"
WRITE_CERT = "write_certificates"
WRITE_KEY = "write_key"
TRUST = "trust"
MANIFEST = "manifest"
REISSUE = "reissue"
KUBELET_CLIENT = "request"
KUBELET_SERVER = "ask_again"
REMOVE = "remove"
RESTART = "restart"

CONTROLLER_MANAGER_MANIFEST = f"{paths.MANIFESTS}/kube-controller-manager.yaml"
# Files that a rotation writes, by their names in the estate.
_FILES = {
    estate.ETCD_CA: paths.ETCD_CA,
    estate.CLUSTER_CA: paths.CA_CERT,
    "controller-manager.conf": f"{paths.KUBERNETES}/controller-manager.conf",
    "scheduler.conf": f"{paths.KUBERNETES}/scheduler.conf",
    "kubelet.conf": paths.KUBELET_CONF,
    "kubelet-client": paths.KUBELET_CLIENT,
}
READ_ONCE: Mapping[str, tuple[str, ...]] = {
    component: tuple(_FILES[name] for name in names if name in _FILES) for component, names in estate.READ_ONCE.items()
}
API_SERVER = "kube-apiserver"
# An API server keeps it for up to five minutes after it was replaced, and kubelets drop the CA of the old one earlier.
API_SERVER_CLIENT = "apiserver-kubelet-client"
# Where a kubeconfig as kubeadm writes it holds what it trusts.
CA_DATA = re.compile(r"^(\s+certificate-authority-data:[ \t]*).*$", re.MULTILINE)
_SINGLE = re.compile(r"(--(?:client-ca-file|cluster-signing-cert-file)=)(\S+)")


def plan(stage: str, node: Node) -> Plan:
    """Return the steps that bring this node to the stage; none where it is there or past it."""
    active = [one for one in node.authorities.values() if one.incoming is not None]
    if not active:
        return Plan(tuple(_orphans(node))) if stage == FINISHED else Plan()
    steps = [step for one in active for step in _bundle(stage, one)]
    if model.CLUSTER in {one.name for one in active}:
        steps += _cluster(stage, node)
    steps += _leaves(stage, node, {one.name for one in active})
    if stage == FINISHED:
        steps += [*_clean(node, active), *_orphans(node)]
    named = {step.target for step in steps}
    steps += [step for step in restarts(node, named) if step.target not in named]
    return Plan(tuple(steps), tuple(_refusals(stage, node, active)))


def made(authorities: Collection[Authority], handed_out: Collection[str]) -> Plan:
    """Return which incoming CAs come to lie here.

    handed_out: names of those that another control plane made. One whose certificate lies here already is never
    made anew: other nodes may trust it.
    """
    steps, refusals = [], []
    for one in authorities:
        if one.incoming is None:
            steps.append(Step(MAKE, one.place.next_cert, "the CA is due"))
        elif not one.next_key and one.key != one.incoming.public_key:
            if one.name in handed_out:
                steps.append(Step(MAKE, one.place.next_cert, f"{one.place.next_key} is missing"))
            else:
                refusals.append(_keyless(one.place))
    return Plan(tuple(steps), tuple(refusals))


def wanted(stage: str, authority: Authority) -> tuple[Certificate, ...]:
    """Return the certificates that a CA's file holds at this stage, or later ones that it holds already."""
    incoming = authority.incoming
    if incoming is None or stage == MADE:
        return authority.bundle
    old = tuple(one for one in authority.bundle if one.fingerprint != incoming.fingerprint)
    if stage == TRUSTED:
        return authority.bundle if len(old) < len(authority.bundle) else (*old, incoming)
    return (incoming, *old) if stage in (SIGNED, MOVED) else (incoming,)


def read_once(kubelet_ca: str) -> Mapping[str, tuple[str, ...]]:
    """Return what each component reads only when it starts, where the API server verifies kubelets by this file."""
    return {**READ_ONCE, API_SERVER: (*READ_ONCE[API_SERVER], kubelet_ca)} if kubelet_ca else READ_ONCE


def restarts(node: Node, touched: Collection[str] = ()) -> list[Step]:
    """Return components that read a file before it was written, or would have."""
    steps = []
    client = tuple(each.path for each in node.leaves if _is_new_client(each, touched))
    for component, files in read_once(node.kubelet_ca).items():
        read = (*files, *client) if component == API_SERVER else files
        began = node.began.get(component)
        newer = [path for path in read if path in touched or node.modified.get(path, 0.0) > (began or 0.0)]
        if began is not None and newer:
            steps.append(Step(RESTART, component, f"it read {', '.join(newer)} when it started"))
    return steps


def _is_new_client(leaf: model.Leaf, touched: Collection[str]) -> bool:
    """Whether it is what the API server shows to kubelets, of the incoming CA now or after these files are written."""
    return leaf.name == API_SERVER_CLIENT and (leaf.moved or leaf.path in touched)


def manager_manifest(manifest: str, single: str) -> str:
    """Return the controller manager's manifest with the file that it signs with."""
    ours = (paths.CA_CERT, model.SIGNING)
    return _SINGLE.sub(lambda match: match[1] + (single if match[2] in ours else match[2]), manifest)


def _bundle(stage: str, authority: Authority) -> list[Step]:
    """The key first: a certificate without its key would be the longer trouble, and the next run ends it."""
    steps = []
    incoming = authority.incoming
    if stage == SIGNED and incoming and authority.next_key and authority.key != incoming.public_key:
        steps.append(Step(WRITE_KEY, authority.place.key, "the incoming CA signs from now on"))
    after = wanted(stage, authority)
    if _prints(after) != _prints(authority.bundle):
        reason = {TRUSTED: "both CAs are trusted", DROPPED: "the old CA is dropped"}.get(stage, "the incoming CA signs")
        steps.append(Step(WRITE_CERT, authority.place.cert, reason, {"certificates": after}))
    return steps


def _cluster(stage: str, node: Node) -> list[Step]:
    """Kubeconfigs, and what the controller manager signs with."""
    after = wanted(stage, node.authorities[model.CLUSTER])
    steps = [
        Step(TRUST, path, "it shall trust what the node trusts", {"certificates": after})
        for path, prints in node.trust.items()
        if stage != MADE and set(prints) != set(_prints(after))
    ]
    return [*_signing(stage, node, after), *steps]


def _signing(stage: str, node: Node, after: tuple[Certificate, ...]) -> list[Step]:
    if not node.control_plane or stage in (MADE, FINISHED):
        return []
    single = paths.CA_CERT if len(after) == 1 else model.SIGNING
    steps = []
    if single == model.SIGNING and node.signing != _prints(after[:1]):
        reason = "the controller manager signs with one CA"
        steps.append(Step(WRITE_CERT, model.SIGNING, reason, {"certificates": after[:1]}))
    text = manager_manifest(node.manager, single)
    if text != node.manager:
        steps.append(Step(MANIFEST, CONTROLLER_MANAGER_MANIFEST, f"it signs with {single}", {"text": text}))
    return steps


def _leaves(stage: str, node: Node, active: Collection[str]) -> list[Step]:
    due = [leaf for leaf in node.leaves if leaf.authority in active and not leaf.moved]
    if stage == SIGNED:
        return [
            Step(REISSUE, leaf.path, "the old CA signed it", {"name": leaf.name})
            for leaf in due
            if leaf.name not in KUBELET_LEAVES
        ]
    if stage == MOVED:
        return [step for leaf in due if leaf.name in KUBELET_LEAVES for step in _kubelet(leaf)]
    return []


def _kubelet(leaf: model.Leaf) -> list[Step]:
    if leaf.path != model.KUBELET_SERVER:
        return [Step(KUBELET_CLIENT, leaf.path, "the old CA signed it")]
    # It asks for a serving certificate when it starts and finds none.
    return [Step(KUBELET_SERVER, leaf.path, "the old CA signed it"), Step(RESTART, "kubelet", "it asks when it starts")]


def _clean(node: Node, active: Collection[Authority]) -> list[Step]:
    """The certificate before its key: a certificate without its key would count as a CA that comes."""
    files = [path for one in active for path in (one.place.next_cert, one.place.next_key)]
    if not node.control_plane:
        return []
    signing = [model.SIGNING] if node.signing else []
    return [Step(REMOVE, path, "the rotation is over") for path in (*signing, *files)]


def _orphans(node: Node) -> list[Step]:
    """Keys that a run left which was stopped between the two."""
    alone = [one for one in node.authorities.values() if one.incoming is None and one.next_key]
    return [Step(REMOVE, one.place.next_key, "its certificate is gone: the rotation is over") for one in alone]


def _keyless(place: model.Place) -> Refused:
    return Refused(
        "ca_incoming_key_missing",
        f"{place.next_cert} lies here without {place.next_key}",
        "",
        "put the key back from another control plane; where no node trusts that CA yet, remove the certificate",
    )


def _refusals(stage: str, node: Node, active: Collection[Authority]) -> list[Refused]:
    """A later stage than the node is ready for."""
    if stage in (SIGNED, MOVED):
        return [
            _early(stage, f"{one.place.cert} does not trust the incoming CA yet")
            for one in active
            if one.reached == MADE
        ]
    if stage == DROPPED:
        return [_early(stage, f"the old CA signed {name}") for name in node.behind(MOVED)]
    if stage == FINISHED:
        return [_early(stage, f"{one.place.cert} is {one.reached}") for one in active if one.reached != DROPPED]
    return []


def _early(stage: str, seen: str) -> Refused:
    return Refused(
        "ca_stage", f"stage {stage} comes too early: {seen}", "", "run the playbook rotate_ca from its start"
    )


def _prints(certificates: Collection[Certificate]) -> tuple[str, ...]:
    return tuple(one.fingerprint for one in certificates)
