# SPDX-License-Identifier: GPL-3.0-or-later
"""Which other control planes may be counted on, by what the cluster says of them."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.kubeops.cluster.plugins.module_utils._kubeadm import cluster_probe
from ansible_collections.kubeops.cluster.plugins.module_utils._kubeadm.api import ApiClient

NO_NETWORK = (
    "container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady "
    "message:Network plugin returns error: cni plugin not initialized"
)


def item(name: str, ready: str, reason: str = "", message: str = "") -> dict[str, Any]:
    """What a Node and a pod have in common; no condition at all where ready is empty."""
    condition = {"type": "Ready", "status": ready, "reason": reason, "message": message}
    return {"metadata": {"name": name}, "status": {"conditions": [condition] if ready else []}}


def pod(node: str, ready: str, containers_ready: bool = True) -> dict[str, Any]:
    found = item(f"etcd-{node}", ready)
    found["metadata"]["labels"] = {"component": "etcd"}
    found["spec"] = {"nodeName": node, "containers": [{"image": "etcd"}]}
    found["status"]["containerStatuses"] = [{"ready": containers_ready}]
    return found


class Answers(ApiClient):
    """Lists as an API server gives them, by path."""

    def __init__(self, nodes: list[dict[str, Any]], pods: list[dict[str, Any]]) -> None:
        super().__init__("", "", "")
        object.__setattr__(self, "lists", {cluster_probe.CONTROL_PLANE_NODES: nodes, cluster_probe.STATIC_PODS: pods})

    def get(self, path: str) -> dict[str, Any] | None:
        return {"items": self.lists[path]}  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("node", "static_pod", "down"),
    [
        (item("cp2", "True"), pod("cp2", "True"), []),
        # The machine is off: the node controller takes both conditions back, the containers' statuses stay.
        (
            item("cp2", "Unknown", "NodeStatusUnknown"),
            pod("cp2", "False"),
            ["Node cp2 (NodeStatusUnknown)", "etcd on cp2"],
        ),
        (item("cp2", "Unknown", "NodeStatusUnknown", NO_NETWORK), pod("cp2", "True"), ["Node cp2 (NodeStatusUnknown)"]),
        (item("cp2", "True"), pod("cp2", "False"), ["etcd on cp2"]),
        (item("cp2", "True"), pod("cp2", "", containers_ready=True), ["etcd on cp2"]),
        (item("cp2", ""), pod("cp2", "True"), ["Node cp2 (has reported nothing)"]),
        # Before the pod network is installed every Node says this; the control plane does not use it.
        (item("cp2", "False", "KubeletNotReady", NO_NETWORK), pod("cp2", "True"), []),
        (
            item("cp2", "False", "KubeletNotReady", f"[container runtime is down, {NO_NETWORK}]"),
            pod("cp2", "True"),
            ["Node cp2 (KubeletNotReady)"],
        ),
    ],
)
def test_another_control_plane(node: dict[str, Any], static_pod: dict[str, Any], down: list[str]) -> None:
    own = (item("cp1", "Unknown"), pod("cp1", "False"))
    assert cluster_probe.not_ready(Answers([own[0], node], [own[1], static_pod]), without="cp1") == down
