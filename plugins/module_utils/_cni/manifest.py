# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fits the published manifest of a pod network to the cluster's pod subnet. Pure."""

from __future__ import annotations

import copy
import ipaddress
import json
from collections.abc import Iterable
from typing import Any, Callable

from .._core.errors import KubeopsError

Document = dict[str, Any]


def adapt(documents: Iterable[Document], plugin: str, pod_subnet: str) -> list[Document]:
    """The documents with the pod subnet in the place where this plugin reads it.

    Plugins that need no such place (cilium and manifests of your own) come back as they are.
    Raises KubeopsError when the place is not there: a cluster with two ideas of its pod
    subnet looks healthy until the first packet.
    """
    adapted = copy.deepcopy(list(documents))
    adapter = _ADAPTERS.get(plugin)
    if adapter:
        adapter(adapted, [subnet.strip() for subnet in pod_subnet.split(",")])
    return adapted


def _flannel(documents: list[Document], subnets: list[str]) -> None:
    """https://github.com/flannel-io/flannel/blob/master/Documentation/configuration.md"""
    config = _find(documents, "flannel", "ConfigMap", "kube-flannel-cfg")
    network = json.loads(config["data"]["net-conf.json"])
    for subnet in subnets:
        if _is_ipv6(subnet):
            network.update(EnableIPv6=True, IPv6Network=subnet)
        else:
            network["Network"] = subnet
    if all(_is_ipv6(subnet) for subnet in subnets):
        network.pop("Network", None)
        network["EnableIPv4"] = False
    config["data"]["net-conf.json"] = json.dumps(network, indent=2) + "\n"


def _calico(documents: list[Document], subnets: list[str]) -> None:
    """https://docs.tigera.io/calico/latest/reference/configure-calico-node"""
    if any(_is_ipv6(subnet) for subnet in subnets):
        raise KubeopsError(
            "the calico manifest is fitted to IPv4 pod subnets only",
            seen=f"kubeops_pod_subnet={','.join(subnets)}",
            fix="set kubeops_cni to manifest and give a calico manifest prepared for IPv6 in cni_manifest",
        )
    node = _find(documents, "calico", "DaemonSet", "calico-node")
    container = _named(node["spec"]["template"]["spec"]["containers"], "calico-node")
    kept = [entry for entry in container["env"] if entry["name"] != "CALICO_IPV4POOL_CIDR"]
    container["env"] = [*kept, {"name": "CALICO_IPV4POOL_CIDR", "value": subnets[0]}]


_ADAPTERS: dict[str, Callable[[list[Document], list[str]], None]] = {"flannel": _flannel, "calico": _calico}


def _find(documents: Iterable[Document], plugin: str, kind: str, name: str) -> Document:
    for document in documents:
        if document.get("kind") == kind and document.get("metadata", {}).get("name") == name:
            return document
    raise KubeopsError(
        f"the manifest has no {kind} {name}, so it is not the one that {plugin} publishes for kubectl",
        fix="correct cni_manifest, or set kubeops_cni to manifest to apply it as it is",
    )


def _named(entries: Iterable[Document], name: str) -> Document:
    return next(entry for entry in entries if entry.get("name") == name)


def _is_ipv6(subnet: str) -> bool:
    return ipaddress.ip_network(subnet, strict=False).version == 6
