# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a cluster should be, and what it was found to be. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from .._etcd.model import Member

COMPONENTS = ("kube-apiserver", "kube-controller-manager", "kube-scheduler")
ETCD = "etcd"
# On Nodes whose pods were seen to answer: the pod network they did so in.
VERIFIED_NETWORK = "kubeops.io/verified-network"


@dataclass(frozen=True)
class Node:
    """A node of the inventory. What is wrong with one that is not required is only a warning."""

    name: str
    address: str
    control_plane: bool = False
    required: bool = True


@dataclass(frozen=True)
class Expected:
    """version has a leading v, empty for any; endpoint is host:port, empty for none.

    pod_network: one is wanted of this collection; else somebody brings it, maybe later.
    """

    nodes: tuple[Node, ...]
    version: str = ""
    endpoint: str = ""
    api_port: int = 6443
    stacked_etcd: bool = True
    dns: bool = True
    pod_network: bool = True

    @property
    def control_planes(self) -> tuple[Node, ...]:
        """Nodes with an API server."""
        return tuple(node for node in self.nodes if node.control_plane)

    @property
    def components(self) -> tuple[str, ...]:
        """Static pods of every control plane."""
        return (*COMPONENTS, ETCD) if self.stacked_etcd else COMPONENTS


@dataclass(frozen=True)
class Condition:
    """ready, or why not."""

    ready: bool
    reason: str = ""


@dataclass(frozen=True)
class SeenNode:
    """The Node object, as far as it matters."""

    ready: Condition
    version: str = ""
    pressures: tuple[str, ...] = ()
    verified_network: str = ""


@dataclass(frozen=True)
class Api:
    """An API server asked at one address: ready or not, and its version."""

    ready: Condition
    version: str = ""


@dataclass(frozen=True)
class Observed:
    """pods by (component, node); apis by host:port; members None where etcd is not ours or gave no answer."""

    nodes: Mapping[str, SeenNode] = field(default_factory=dict)
    pods: Mapping[tuple[str, str], Condition] = field(default_factory=dict)
    apis: Mapping[str, Api] = field(default_factory=dict)
    members: tuple[Member, ...] | None = None
    etcd_error: str = ""
    dns: Condition = Condition(False, "not asked")
    dns_address: str = ""


def nodes_from_api(answer: Mapping[str, Any]) -> dict[str, SeenNode]:
    """From a NodeList."""
    return {
        item["metadata"]["name"]: SeenNode(
            _condition(item, "Node has reported nothing"),
            item.get("status", {}).get("nodeInfo", {}).get("kubeletVersion", ""),
            tuple(_pressures(item)),
            item["metadata"].get("annotations", {}).get(VERIFIED_NETWORK, ""),
        )
        for item in answer.get("items", [])
    }


def static_pods_from_api(answer: Mapping[str, Any]) -> dict[tuple[str, str], Condition]:
    """Mirror pods of the control plane, from a PodList."""
    return {
        (item["metadata"].get("labels", {}).get("component", ""), item["spec"].get("nodeName", "")): pod_condition(item)
        for item in answer.get("items", [])
    }


def pod_condition(pod: Mapping[str, Any]) -> Condition:
    """Ready, or what its containers wait for."""
    found = _condition(pod, f"phase {pod.get('status', {}).get('phase', 'unknown')}")
    if found.ready:
        return found
    return Condition(False, "; ".join(_container_reasons(pod)) or found.reason)


def _pressures(node: Mapping[str, Any]) -> Iterator[str]:
    """Conditions under which a node calls itself Ready, but takes no pods."""
    for entry in node.get("status", {}).get("conditions", []):
        if entry["type"].endswith("Pressure") and entry["status"] == "True":
            yield ": ".join(word for word in (entry["type"], entry.get("message", "")) if word)


def _condition(item: Mapping[str, Any], otherwise: str) -> Condition:
    for entry in item.get("status", {}).get("conditions", []):
        if entry["type"] == "Ready":
            words = (entry.get("reason", ""), entry.get("message", ""))
            return Condition(entry["status"] == "True", ": ".join(word for word in words if word) or entry["status"])
    return Condition(False, otherwise)


def _container_reasons(pod: Mapping[str, Any]) -> Iterable[str]:
    for container in pod.get("status", {}).get("containerStatuses", []):
        state = container.get("state", {})
        trouble = state.get("waiting") or state.get("terminated")
        if trouble:
            yield f"{container['name']}: {trouble.get('reason', '')} {trouble.get('message', '')}".strip()
