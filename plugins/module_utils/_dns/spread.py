# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the cluster's DNS would survive the loss of one node. Pure.

kubeadm starts CoreDNS while there is one node, so all replicas tend to land there:
https://kubernetes.io/docs/setup/production-environment/tools/kubeadm/high-availability/
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .._core.plan import Plan, Step

RESTART = "restart"
TARGET = "deployment coredns"


def usable_nodes(nodes: Sequence[Mapping[str, Any]]) -> list[str]:
    """Names of nodes that are Ready and not cordoned, from the items of a NodeList."""
    return sorted(
        node["metadata"]["name"]
        for node in nodes
        if not node.get("spec", {}).get("unschedulable")
        and any(c["type"] == "Ready" and c["status"] == "True" for c in node.get("status", {}).get("conditions", []))
    )


def plan(pods: Sequence[Mapping[str, Any]], usable: Sequence[str]) -> Plan:
    """Restart CoreDNS where several replicas share one node although another could take one."""
    homes = sorted(pod.get("spec", {}).get("nodeName", "") for pod in pods)
    if len(homes) < 2 or len(set(homes)) > 1 or not homes[0] or not set(usable) - set(homes):
        return Plan()
    reason = f"all {len(homes)} replicas run on {homes[0]}: without it the cluster has no DNS"
    return Plan(
        (Step(RESTART, TARGET, reason),),
        before={"nodes": homes},
        after={"nodes": [homes[0], "another node"]},
    )
