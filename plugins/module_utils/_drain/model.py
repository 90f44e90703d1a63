# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nodes, pods and disruption budgets, reduced to what a drain is decided by (pure)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

MIRROR = "kubernetes.io/config.mirror"
# Ours: who made the node unschedulable. Only a node that carries it is made schedulable again.
CORDONED_BY = "kubeops.io/cordoned-by"
FINISHED = ("Succeeded", "Failed")
KEEPS_PODS_AWAY = ("NoSchedule", "NoExecute")


@dataclass(frozen=True)
class Node:
    """One node. tainted: by something else than the state that Kubernetes itself marks with taints."""

    name: str
    unschedulable: bool = False
    cordoned_by: str = ""
    ready: bool = True
    tainted: bool = False

    @property
    def takes_pods(self) -> bool:
        """An ordinary pod can be scheduled on it, now or once we took back a cordon of our own."""
        return self.ready and not self.tainted and (not self.unschedulable or bool(self.cordoned_by))


@dataclass(frozen=True)
class Pod:
    """One pod.

    Attributes:
        owner: kind and name of its controller, for instance ReplicaSet/web-5d8; empty for an unmanaged pod.
        empty_dirs: names of its emptyDir volumes.
    """

    namespace: str
    name: str
    node: str
    uid: str = ""
    owner: str = ""
    mirror: bool = False
    finished: bool = False
    deleting: bool = False
    empty_dirs: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """namespace/name."""
        return f"{self.namespace}/{self.name}"

    @property
    def stays(self) -> bool:
        """Static pods and those of DaemonSets belong to the node: a drain leaves them."""
        return self.mirror or self.owner.startswith("DaemonSet/")


@dataclass(frozen=True)
class Budget:
    """A PodDisruptionBudget with the counts that its controller last published."""

    namespace: str
    name: str
    selector: Mapping[str, Any] = field(default_factory=dict)
    allowed: int = 0
    healthy: int = 0
    desired: int = 0
    expected: int = 0

    @property
    def key(self) -> str:
        """namespace/name."""
        return f"{self.namespace}/{self.name}"

    def covers(self, pod: Pod) -> bool:
        """Tell whether the selector chooses the pod; an empty selector of policy/v1 chooses all."""
        return pod.namespace == self.namespace and _selected(self.selector, pod.labels)


def node(item: Mapping[str, Any]) -> Node:
    """From a Node object."""
    spec, metadata = item.get("spec", {}), item["metadata"]
    taints = [entry for entry in spec.get("taints", []) if not entry["key"].startswith("node.kubernetes.io/")]
    return Node(
        name=metadata["name"],
        unschedulable=bool(spec.get("unschedulable", False)),
        cordoned_by=metadata.get("annotations", {}).get(CORDONED_BY, ""),
        ready=_conditions(item).get("Ready") == "True",
        tainted=any(entry.get("effect") in KEEPS_PODS_AWAY for entry in taints),
    )


def pod(item: Mapping[str, Any]) -> Pod:
    """From a Pod object."""
    metadata, spec = item["metadata"], item.get("spec", {})
    owner = next((entry for entry in metadata.get("ownerReferences", []) if entry.get("controller")), None)
    return Pod(
        namespace=metadata["namespace"],
        name=metadata["name"],
        node=spec.get("nodeName", ""),
        uid=metadata.get("uid", ""),
        owner=f"{owner['kind']}/{owner['name']}" if owner else "",
        mirror=MIRROR in metadata.get("annotations", {}),
        finished=item.get("status", {}).get("phase") in FINISHED,
        deleting="deletionTimestamp" in metadata,
        empty_dirs=tuple(volume["name"] for volume in spec.get("volumes", []) if "emptyDir" in volume),
        labels=metadata.get("labels", {}),
    )


def budget(item: Mapping[str, Any]) -> Budget:
    """From a PodDisruptionBudget object of policy/v1."""
    status = item.get("status", {})
    return Budget(
        namespace=item["metadata"]["namespace"],
        name=item["metadata"]["name"],
        selector=item.get("spec", {}).get("selector") or {},
        allowed=status.get("disruptionsAllowed", 0),
        healthy=status.get("currentHealthy", 0),
        desired=status.get("desiredHealthy", 0),
        expected=status.get("expectedPods", 0),
    )


def leaving(pods: Sequence[Pod]) -> list[Pod]:
    """Pods that a drain has to move."""
    return [entry for entry in pods if not entry.stays]


def _conditions(item: Mapping[str, Any]) -> dict[str, str]:
    return {entry["type"]: entry["status"] for entry in item.get("status", {}).get("conditions", [])}


def _selected(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    exact = selector.get("matchLabels") or {}
    if any(labels.get(key) != value for key, value in exact.items()):
        return False
    return all(_expression(entry, labels) for entry in selector.get("matchExpressions") or ())


def _expression(entry: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    value = labels.get(entry["key"])
    operator: str = entry["operator"]
    values: Sequence[str] = entry.get("values") or ()
    if operator == "In":
        return value in values
    if operator == "NotIn":
        return value not in values
    return (value is not None) == (operator == "Exists")
