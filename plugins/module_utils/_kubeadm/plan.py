# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Decides what kubeadm has to do on a node (pure)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .._core.plan import Plan, Refused, Step
from .._version.skew import POLICY
from .._version.version import KubeVersion
from . import state

INIT = "init"
JOIN = "join"
RESET = "reset"

FAIL = "fail"
RESUME = "resume"

# What the cluster has to forget of a node before it joins again.
NOTHING = "nothing"
NODE = "node"
MEMBER = "member"


@dataclass(frozen=True)
class Known:
    """What the cluster knows of a node that wants to join; asked on a healthy control plane."""

    node: bool
    etcd_member: bool


def plan_init(observed: Mapping[str, Any], node_name: str, on_partial: str) -> Plan:
    """Decide what makes this node the first control plane.

    observed is what probe_kubernetes returns.
    """
    if observed["state"] == state.ABSENT:
        return _one(INIT, node_name, "no trace of Kubernetes on this node")
    if observed["state"] == state.COMPLETE:
        return _already(observed, node_name, state.CONTROL_PLANE)
    if on_partial == RESET:
        return _partial(observed, node_name, INIT, on_partial)
    if observed["markers"]["unfinished"] == JOIN:
        return _refused(
            "partial_join",
            observed,
            "this node was joining another control plane: finish the join, or kubeops_on_partial=reset",
        )
    if _only_files(observed, INIT):
        return _one(INIT, node_name, "an earlier kubeadm init stopped before etcd ever started: nothing can be lost")
    return _partial(observed, node_name, INIT, on_partial)


def plan_join(observed: Mapping[str, Any], node_name: str, role: str, on_partial: str, known: Known | None) -> Plan:
    """Decide what makes this node a member with the given role.

    known is None as long as no control plane was asked.
    """
    if observed["state"] == state.COMPLETE:
        return _already(observed, node_name, role)
    if observed["state"] == state.ABSENT:
        return _plan_join_of_bare_node(observed, node_name, on_partial, known)
    if on_partial == RESET:
        return _partial(observed, node_name, JOIN, on_partial)
    return _plan_join_without_reset(observed, node_name, on_partial, known)


def _plan_join_without_reset(observed: Mapping[str, Any], node_name: str, on_partial: str, known: Known | None) -> Plan:
    if observed["markers"]["unfinished"] == INIT:
        return _refused(
            "partial_init",
            observed,
            "this node was initialising a cluster of its own: kubeops_on_partial=reset gives that up and joins",
        )
    if known is not None and not (known.node or known.etcd_member) and _only_files(observed, JOIN):
        return _one(JOIN, node_name, "an earlier join stopped before the cluster knew this node: nothing can be lost")
    if known is not None and not known.etcd_member and observed["markers"]["etcd_data"]:
        # Its etcd would start as a member that was removed, and end.
        return _refused(
            "removed_etcd_member",
            observed,
            "kubeops_on_partial=reset empties this node first; its etcd data is kept aside",
            evidence=f"this node has the data of an etcd member, but etcd lists no member of {node_name}",
        )
    return _partial(observed, node_name, JOIN, on_partial)


def forget(observed: Mapping[str, Any], on_partial: str) -> str:
    """Tell what the cluster has to forget: kubeadm refuses to join under the name of a Ready Node."""
    if on_partial == RESET:
        return MEMBER
    return NODE if on_partial == RESUME and observed["state"] == state.PARTIAL else NOTHING


def needs_cluster(plan: Plan) -> bool:
    """Tell whether a join plan cannot go on, or not be judged, without a healthy control plane."""
    return any(step.action == JOIN for step in plan.steps) or any(
        refusal.rule == "partial_node" for refusal in plan.refusals
    )


def refuse_newer(programs: Mapping[str, str], server: str) -> tuple[Refused, ...]:
    """Nothing on a node that joins may be of a newer minor than the API servers; a version of one's own says nothing.

    programs: versions of kubelet and kubeadm on the node, as they print them.
    """
    try:
        cluster = KubeVersion.parse(server)
        newer = [
            f"{name} {version}" for name, version in programs.items() if KubeVersion.parse(version).line > cluster.line
        ]
    except ValueError:
        return ()
    if not newer:
        return ()
    return (
        Refused(
            "newer_than_cluster",
            f"the node has {' and '.join(newer)}, the API servers are {server}; no kubelet may be newer: {POLICY}",
            "kubeops_version",
            f"upgrade the cluster first, or set kubeops_version to {cluster} for the node to get that "
            "(with kubernetes_packages_allow_version_change, since it has another now)",
        ),
    )


def leftovers(observed: Mapping[str, Any]) -> bool:
    """Tell whether kubeadm's preflight would stumble over what an earlier attempt left."""
    return bool(observed["state"] == state.PARTIAL)


def _plan_join_of_bare_node(observed: Mapping[str, Any], node_name: str, on_partial: str, known: Known | None) -> Plan:
    if known is not None and known.etcd_member and on_partial != RESET:
        return _refused(
            "stale_etcd_member",
            observed,
            "if the old machine is gone for good, kubeops_on_partial=reset removes its etcd member, quorum permitting",
            evidence=f"this node is bare, but etcd lists {node_name} as a member",
        )
    return _one(JOIN, node_name, "no trace of Kubernetes on this node")


def _one(action: str, node_name: str, reason: str) -> Plan:
    return Plan(
        steps=(Step(action, node_name, reason),),
        before={"node": node_name, "kubernetes": state.ABSENT},
        after={"node": node_name, "kubernetes": state.COMPLETE},
    )


def _already(observed: Mapping[str, Any], node_name: str, role: str) -> Plan:
    if observed["role"] != role:
        return _refused(
            "other_role",
            observed,
            f"move the host to the group of {observed['role'].replace('_', ' ')}s, or remove it from its cluster first",
            evidence=f"this node is a complete {observed['role'].replace('_', ' ')}, not a {role.replace('_', ' ')}",
            variable="inventory groups",
        )
    if observed["node_name"] and observed["node_name"] != node_name:
        return _refused(
            "other_name",
            observed,
            f"set kubeops_node_name: {observed['node_name']}",
            evidence=f"this node is in its cluster as {observed['node_name']}, not as {node_name}",
            variable="kubeops_node_name",
        )
    return Plan()


def _partial(observed: Mapping[str, Any], node_name: str, action: str, on_partial: str) -> Plan:
    evidence = "; ".join(observed["evidence"])
    if on_partial == RESUME:
        plan = _one(action, node_name, f"resume what an earlier run left: {evidence}")
    elif on_partial == RESET:
        again = _one(action, node_name, "start over on a clean node")
        plan = Plan(
            (Step(RESET, node_name, f"asked by kubeops_on_partial: {evidence}"), *again.steps), (), "", again.after
        )
    else:
        return _refused(
            "partial_node",
            observed,
            state.WAY_OUT,
        )
    return Plan(plan.steps, (), {"node": node_name, "kubernetes": state.PARTIAL}, plan.after)


def _only_files(observed: Mapping[str, Any], operation: str) -> bool:
    """Our own init or join left certificates, kubeconfigs or manifests, but etcd never wrote a byte."""
    markers = observed["markers"]
    return markers["unfinished"] == operation and not markers["etcd_data"]


def _refused(
    rule: str, observed: Mapping[str, Any], fix: str, *, evidence: str = "", variable: str = "kubeops_on_partial"
) -> Plan:
    seen = evidence or "; ".join(observed["evidence"])
    return Plan(refusals=(Refused(rule, seen, variable, fix),))
