# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Puts together what nodes and cluster said of themselves, for the rules about versions (pure)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .._version.model import (
    APISERVER,
    CONTROLLER_MANAGER,
    ETCD,
    KUBE_PROXY,
    KUBEADM,
    KUBECTL,
    KUBELET,
    SCHEDULER,
    Observation,
    observation_from_mapping,
)
from .cluster import image_version

FROM_IMAGES = (APISERVER, CONTROLLER_MANAGER, SCHEDULER, ETCD)


@dataclass(frozen=True)
class Seen:
    """Everything the gates look at.

    Attributes:
        cluster: result of upgrade_cluster_facts.
        nodes: facts kubeops_upgrade by name of the Node; nodes that were not observed are absent.
        unreachable: hosts of the inventory that did not answer.
        strangers: hosts of the inventory that answered, and are no node yet.
    """

    cluster: Mapping[str, Any]
    nodes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    unreachable: tuple[str, ...] = ()
    strangers: tuple[str, ...] = ()

    @property
    def control_planes(self) -> list[str]:
        """Names of nodes with an API server."""
        return [pod["node"] for pod in self.cluster["components"] if pod["component"] == APISERVER]

    @property
    def compared_kubelets(self) -> list[str]:
        """Nodes whose kubelet's configuration is comparable: in the middle of an upgrade the cluster's is newer."""
        servers = {*self.cluster["api_servers"].values()}
        return [
            node["name"]
            for node in self.cluster["nodes"]
            if node["name"] in self.nodes and len({*map(_bare, (*servers, *_own_versions(node, self.nodes)))}) == 1
        ]


def _own_versions(node: Mapping[str, Any], nodes: Mapping[str, Mapping[str, Any]]) -> tuple[str, str]:
    return node["version"], nodes[node["name"]]["binaries"].get(KUBEADM) or ""


def _bare(version: str) -> str:
    return version.lstrip("v")


def observation(seen: Seen, clients: Mapping[str, str]) -> Observation:
    """The versions that run. Raises ValueError for one that is none."""
    cluster = seen.cluster
    leaders = {member["name"] for member in cluster["etcd"]["members"] if member["leader"]}
    return observation_from_mapping(
        {
            "nodes": [
                {
                    **_from_node(seen.nodes.get(node["name"], {}), _proxy_gates(node["name"], cluster)),
                    "name": node["name"],
                    "control_plane": node["name"] in seen.control_planes,
                    "components": _components(node, seen),
                    "etcd_leader": node["name"] in leaders,
                }
                for node in cluster["nodes"]
            ],
            "coredns": cluster["coredns"],
            "etcd_pinned": cluster["etcd_pinned"],
            "coredns_pinned": cluster["coredns_pinned"],
            "external_etcd": _external(cluster["etcd"]),
            "clients": clients,
        }
    )


def _external(etcd: Mapping[str, Any]) -> dict[str, str]:
    if not etcd.get("external"):
        return {}
    return {member["name"]: member["version"] for member in etcd["members"] if member["version"]}


def _proxy_gates(name: str, cluster: Mapping[str, Any]) -> dict[str, Any]:
    """kube-proxy reads the same ConfigMap on every node where it runs."""
    return {KUBE_PROXY: cluster["proxy_gates"]} if name in cluster["kube_proxies"] else {}


def _from_node(facts: Mapping[str, Any], proxy_gates: Mapping[str, Any]) -> dict[str, Any]:
    runtime = facts.get("runtime") or {}
    return {
        "runtime": runtime.get("name") or "",
        "runtime_version": runtime.get("version") or "",
        "cgroup": facts.get("cgroup", 0),
        "cgroup_v1_accepted": facts.get("cgroup_v1_accepted", False),
        "flags": facts.get("flags", {}),
        "gates": {**facts.get("gates", {}), **proxy_gates},
        "local": facts.get("local", []),
    }


def _components(node: Mapping[str, Any], seen: Seen) -> dict[str, str]:
    """What answers counts before what an image's tag says."""
    name, cluster = node["name"], seen.cluster
    pods = {pod["component"]: pod for pod in cluster["components"] if pod["node"] == name}
    found = {part: image_version(pods[part]["image"]) for part in FROM_IMAGES if part in pods}
    etcd = cluster["etcd"]
    members = {} if etcd.get("external") else {member["name"]: member["version"] for member in etcd["members"]}
    binaries = seen.nodes.get(name, {}).get("binaries", {})
    found[APISERVER] = cluster["api_servers"].get(name) or found.get(APISERVER, "")
    found[ETCD] = members.get(name) or found.get(ETCD, "")
    found[KUBELET] = node["version"]
    found[KUBE_PROXY] = cluster["kube_proxies"].get(name, "")
    found.update({part: binaries.get(part) or "" for part in (KUBEADM, KUBECTL)})
    return found
