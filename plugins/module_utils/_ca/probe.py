# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Observes how far a node is in the rotation of its CAs. Changes nothing, needs no API."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from .._core import files, processes
from .._core.errors import KubeopsError
from .._core.runner import Runner
from .._kubeadm import containers, kubeconfig, paths, static_pod
from .._x509 import load, renew, renewal
from .._x509.model import Certificate
from .._x509.renewal import Found
from . import model, plan

KUBECONFIGS = ("admin.conf", "super-admin.conf", "controller-manager.conf", "scheduler.conf", "kubelet.conf")


def control_plane() -> bool:
    """Tell whether this node runs a controller manager of kubeadm's."""
    return Path(plan.CONTROLLER_MANAGER_MANIFEST).exists()


def places() -> list[model.Place]:
    """Return the CAs of this node: a worker has the cluster's alone, and an external etcd has its own elsewhere."""
    known = model.PLACES if control_plane() else model.PLACES[:1]
    without = () if Path(f"{paths.MANIFESTS}/etcd.yaml").exists() else (model.ETCD,)
    return [place for place in known if Path(place.cert).exists() and place.name not in without]


def observe(
    runner: Runner, names: Sequence[str], incoming: Mapping[str, str], kubeconfigs: Sequence[str] = ()
) -> model.Node:
    """Read the node.

    incoming: PEM of the CAs that come, by name, where the node has no file of them itself.
    kubeconfigs: those elsewhere on a control plane that go along with kubeadm's.
    """
    found = renew.observe(runner, kubeconfigs).found if control_plane() else []
    odd = {each.entry.path: why for each in found if is_owned(each) and (why := _odd(each))}
    kept = [each for each in found if each.certificate and each.entry.path not in odd]
    here = [place for place in places() if place.name in names]
    authorities = {place.name: authority(place, incoming.get(place.name, "")) for place in here}
    leaves = [*_leaves(kept, authorities), *_kubelet_leaves(authorities)]
    client = [leaf.path for leaf in leaves if leaf.name == plan.API_SERVER_CLIENT]
    kubelets = kubelet_ca()
    return model.Node(
        authorities=authorities,
        trust=_trust([each.entry.path for each in kept if is_owned(each)]),
        leaves=leaves,
        passed_over=odd,
        manager=files.read_text(plan.CONTROLLER_MANAGER_MANIFEST) or "",
        kubelet_ca=kubelets,
        signing=_prints(files.read_bytes(model.SIGNING)),
        began=began(runner),
        modified=_modified([*plan.read_once(kubelets).values(), client]),
    )


def kubelet_ca() -> str:
    """Return the file by which this node's API server verifies kubelets; empty where it does not, or none is here."""
    pod = static_pod.parse(files.read_text(f"{paths.MANIFESTS}/{plan.API_SERVER}.yaml") or "")
    return pod.argument("kubelet-certificate-authority")


def authority(place: model.Place, incoming: str = "") -> model.Authority:
    """Read one CA."""
    waiting = files.read_bytes(place.next_cert) or incoming.encode("ascii")
    return model.Authority(
        place,
        bundle=load.certificates(files.read_bytes(place.cert) or b""),
        incoming=load.certificates(waiting)[0] if waiting else None,
        key=_public(place.key),
        next_key=_public(place.next_key),
    )


def began(runner: Runner) -> dict[str, float]:
    """Return when the kubelet, and each running component of a control plane, began."""
    found = processes.started(["kubelet"])
    if control_plane():
        newest = containers.newest(runner)
        found.update({name: one.began for name, one in newest.items() if one.running and name in plan.READ_ONCE})
    return found


def is_owned(found: Found) -> bool:
    """Tell whether somebody named this kubeconfig, rather than kubeadm made it."""
    return found.entry.name == found.entry.path


def _odd(found: Found) -> str:
    """Why a kubeconfig that somebody named cannot go along; empty where it can, or is not there."""
    if found.certificate is None:
        return ""
    path = found.entry.path
    if refused := renewal.unusable(found):
        return refused[0].evidence.removeprefix(f"{path}: {path}: ")
    text = files.read_text(path) or ""
    if (count := len(plan.CA_DATA.findall(text))) > 1:
        return f"certificate-authority-data stands there {count} times"
    try:
        _prints(kubeconfig.certificate_authority(text, path).encode("ascii"))
    except KubeopsError as error:
        return error.what
    return ""


def _trust(owned: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """What each kubeconfig embeds; one that names a file instead trusts what the file says."""
    found = {}
    for path in (*(f"{paths.KUBERNETES}/{name}" for name in KUBECONFIGS), *owned):
        pem = kubeconfig.certificate_authority(files.read_text(path) or "", path)
        if pem:
            found[path] = _prints(pem.encode("ascii"))
    return found


def _leaves(found: Sequence[Found], authorities: Mapping[str, model.Authority]) -> list[model.Leaf]:
    return [
        _leaf(each.entry.name, each.entry.path, each.certificate or b"", authorities[each.entry.authority])
        for each in found
        if each.entry.authority in authorities
    ]


def _kubelet_leaves(authorities: Mapping[str, model.Authority]) -> list[model.Leaf]:
    cluster = authorities.get(model.CLUSTER)
    if cluster is None:
        return []
    own = kubeconfig.identity(files.read_text(paths.KUBELET_CONF) or "", paths.KUBELET_CONF)
    pairs = (
        ("kubelet.conf", paths.KUBELET_CONF, own.pem.encode("ascii")),
        ("kubelet-client", paths.KUBELET_CLIENT, files.read_bytes(paths.KUBELET_CLIENT)),
        ("kubelet-server", model.KUBELET_SERVER, files.read_bytes(model.KUBELET_SERVER)),
    )
    return [_leaf(name, path, pem, cluster) for name, path, pem in pairs if pem]


def _leaf(name: str, path: str, pem: bytes, signer: model.Authority) -> model.Leaf:
    moved = signer.incoming is not None and load.signed_by(load.certificates(pem)[0], signer.incoming)
    return model.Leaf(name, path, signer.name, moved)


def _public(path: str) -> bytes:
    key = files.read_bytes(path)
    return load.private_key(key).public_key if key else b""


def _prints(pem: bytes | None) -> tuple[str, ...]:
    found: tuple[Certificate, ...] = load.certificates(pem) if pem else ()
    return tuple(one.fingerprint for one in found)


def _modified(read_once: Sequence[Sequence[str]]) -> dict[str, float]:
    read = {Path(path) for known in read_once for path in known}
    return {str(path): path.stat().st_mtime for path in read if path.exists()}
