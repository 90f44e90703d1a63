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

EVICT = "evict"


def usable_nodes(nodes: Sequence[Mapping[str, Any]]) -> list[str]:
    """Names of nodes that are Ready and not cordoned, from the items of a NodeList."""
    return sorted(
        node["metadata"]["name"]
        for node in nodes
        if not node.get("spec", {}).get("unschedulable")
        and any(c["type"] == "Ready" and c["status"] == "True" for c in node.get("status", {}).get("conditions", []))
    )


def plan(pods: Sequence[Mapping[str, Any]], usable: Sequence[str]) -> Plan:
    """Evict one replica where several share one node although another could take it.

    kubeadm's deployment prefers nodes without a replica, so those that stay push the new one elsewhere. A
    restart of them all would not converge: the last one finds the old node and a new one equally taken.
    """
    staying = [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]
    homes = sorted(pod["spec"].get("nodeName", "") for pod in staying)
    if len(homes) < 2 or len(set(homes)) > 1 or not homes[0] or not set(usable) - set(homes):
        return Plan()
    leaving = min((pod["metadata"] for pod in staying), key=lambda metadata: str(metadata["name"]))
    reason = f"all {len(homes)} replicas run on {homes[0]}: without it the cluster has no DNS"
    return Plan(
        (Step(EVICT, leaving["name"], reason, {"uid": leaving["uid"]}),),
        before={"nodes": homes},
        after={"nodes": [homes[0], "another node"]},
    )
