# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How far kubeadm got on a node, concluded from several markers (pure).

No single file proves anything: kubeadm writes ``admin.conf`` long before the
control plane answers, and ``kubelet.conf`` before the node is in the cluster.
Order of kubeadm's phases:
https://kubernetes.io/docs/reference/setup-tools/kubeadm/implementation-details/
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

ABSENT = "absent"
PARTIAL = "partial"
COMPLETE = "complete"

CONTROL_PLANE = "control_plane"
WORKER = "worker"
NO_ROLE = "none"

CONTROL_PLANE_MANIFESTS = ("kube-apiserver", "kube-controller-manager", "kube-scheduler")


@dataclass(frozen=True)
class Markers:
    """What was seen on one node. ``None`` means: could not be asked.

    Attributes:
        manifests: kubeadm's static pod manifests that exist, by component name.
        local_etcd: the API server manifest names an etcd on this node.
        ca: the cluster CA certificate exists.
        admin_conf: ``/etc/kubernetes/admin.conf`` exists.
        kubelet_conf: ``/etc/kubernetes/kubelet.conf`` exists.
        bootstrap_conf: ``/etc/kubernetes/bootstrap-kubelet.conf`` exists.
        kubelet_config: ``/var/lib/kubelet/config.yaml`` exists.
        etcd_data: the etcd data directory holds a member.
        unfinished: operation (init, join, reset) that this collection began and did not end.
        running: that operation is still at work.
        unfinished_role: role that the unfinished operation was to give the node.
        node_registered: the API knows a Node of this name.
        cluster_config: the cluster holds kubeadm's ClusterConfiguration.
        control_plane_label: the Node carries ``node-role.kubernetes.io/control-plane``.
        etcd_member: etcd, here or on the other control planes, lists the member of this node.
    """

    manifests: tuple[str, ...] = ()
    local_etcd: bool = False
    ca: bool = False
    admin_conf: bool = False
    kubelet_conf: bool = False
    bootstrap_conf: bool = False
    kubelet_config: bool = False
    etcd_data: bool = False
    unfinished: str = ""
    unfinished_role: str = ""
    running: bool = False
    node_registered: bool | None = None
    cluster_config: bool | None = None
    control_plane_label: bool | None = None
    etcd_member: bool | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return plain data for results and facts."""
        return {**asdict(self), "manifests": list(self.manifests)}


# What every refusal of a partial node offers.
WAY_OUT = (
    "run again with kubeops_on_partial=resume (continue, keeps data), "
    "or kubeops_on_partial=reset (empties this node first; its etcd data is kept aside)"
)


@dataclass(frozen=True)
class NodeState:
    """The conclusion.

    Attributes:
        state: ``absent``, ``partial`` or ``complete``.
        role: ``control_plane``, ``worker`` or ``none``.
        evidence: sentences that led to the conclusion; never empty for ``partial``.
    """

    state: str
    role: str
    evidence: tuple[str, ...] = ()


def classify(markers: Markers) -> NodeState:
    """Conclude the state and role of a node from its markers."""
    role = _role(markers)
    missing = _missing(markers, role)
    if markers.unfinished:
        return NodeState(PARTIAL, role, (_unfinished(markers), *missing))
    if role == NO_ROLE:
        return NodeState(ABSENT, role, _leftovers(markers))
    return NodeState(PARTIAL if missing else COMPLETE, role, missing)


def goes_on(markers: Mapping[str, Any]) -> bool:
    """Tell whether the next run goes on by itself: our own init or join stopped before anything could be lost.

    That is before etcd wrote a byte and, in a join, before the kubelet had an identity to register its Node with.
    """
    if markers.get("etcd_data") or markers.get("running"):
        return False
    began = markers.get("unfinished")
    return began == "init" or (began == "join" and not markers.get("kubelet_conf"))


def from_mapping(markers: Mapping[str, Any]) -> Markers:
    """Rebuild markers from plain data, such as a recorded fact."""
    known = {name: markers[name] for name in Markers.__dataclass_fields__ if name in markers}
    return Markers(**{**known, "manifests": tuple(known.get("manifests", ()))})


def _role(markers: Markers) -> str:
    if markers.manifests or markers.admin_conf or markers.etcd_data:
        return CONTROL_PLANE
    if markers.unfinished_role:
        return markers.unfinished_role
    if markers.kubelet_conf or markers.bootstrap_conf or markers.kubelet_config:
        return WORKER
    return NO_ROLE


def _missing(markers: Markers, role: str) -> tuple[str, ...]:
    findings: list[str] = []
    if role == NO_ROLE:
        return ()
    findings += _missing_kubelet(markers)
    if role == CONTROL_PLANE:
        findings += _missing_control_plane(markers)
    return tuple(findings)


def _missing_kubelet(markers: Markers) -> list[str]:
    checks = (
        (markers.kubelet_conf, "/etc/kubernetes/kubelet.conf is missing: the kubelet has no identity yet"),
        (markers.kubelet_config, "/var/lib/kubelet/config.yaml is missing"),
        (markers.ca, "/etc/kubernetes/pki/ca.crt is missing"),
        (not markers.bootstrap_conf, "/etc/kubernetes/bootstrap-kubelet.conf is left: TLS bootstrap did not end"),
        (markers.node_registered is not False, "the cluster knows no Node of this name"),
    )
    return [text for good, text in checks if not good]


def _missing_control_plane(markers: Markers) -> list[str]:
    absent = [name for name in CONTROL_PLANE_MANIFESTS if name not in markers.manifests]
    checks = (
        (not absent, "static pod manifests are missing: " + ", ".join(absent)),
        (markers.admin_conf, "/etc/kubernetes/admin.conf is missing"),
        (
            "etcd" in markers.manifests or not markers.local_etcd,
            "the API server expects an etcd on this node, but its manifest is missing",
        ),
        (markers.cluster_config is not False, "the cluster holds no kubeadm-config ConfigMap: init did not end"),
        (markers.control_plane_label is not False, "the Node is not marked as control plane"),
        (markers.etcd_member is not False, "the cluster's etcd lists no member of this node: it was removed"),
    )
    return [text for good, text in checks if not good]


def _unfinished(markers: Markers) -> str:
    if markers.running:
        return f"kubeadm {markers.unfinished} is running on this node now"
    return f"kubeadm {markers.unfinished} began on this node and did not end"


def _leftovers(markers: Markers) -> tuple[str, ...]:
    """A CA without anything else is no cluster: kubeadm init takes it as the CA to use."""
    return ("/etc/kubernetes/pki/ca.crt exists: kubeadm would use this CA",) if markers.ca else ()
