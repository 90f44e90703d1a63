#!/usr/bin/python
# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Edge of coredns_spread: replicas of the cluster's DNS on more than one node."""

from __future__ import annotations

DOCUMENTATION = r"""
module: coredns_spread
short_description: Spread CoreDNS over the nodes
version_added: 1.0.0
author: kubeops.cluster contributors (@kubeops)
description:
  - kubeadm starts CoreDNS while the cluster has one node, so that all replicas tend to run there.
  - Where they share one node and another one is Ready, evicts one of them; the replacement prefers a node without one.
    See U(https://kubernetes.io/docs/setup/production-environment/tools/kubeadm/high-availability/).
  - Run it on one control plane. A cluster without CoreDNS is left alone.
options:
  nodes:
    description: Names of nodes to wait for, until they are Ready or O(timeout) has passed.
    type: list
    elements: str
    default: []
  timeout:
    description: Seconds to wait for the nodes.
    type: int
    default: 60
extends_documentation_fragment:
  - kubeops.cluster.attributes.changes
"""

EXAMPLES = r"""
- name: DNS that survives the loss of a node
  kubeops.cluster.coredns_spread:
    nodes: [cp1, cp2, cp3, w1]
"""

RETURN = r"""
plan:
  description: The eviction and its reason; empty where the replicas are spread.
  returned: always
  type: list
  elements: dict
  sample:
    - action: evict
      target: coredns-6f6b679f8f-4xq2m
      reason: "all 2 replicas run on cp1: without it the cluster has no DNS"
"""

import time
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._core import clock
from ..module_utils._core.edge import run_module
from ..module_utils._core.plan import Plan
from ..module_utils._dns import spread
from ..module_utils._kubeadm import paths
from ..module_utils._kubeadm.api import ApiClient, admin, object_path

NAMESPACE = "kube-system"
POLL_SECONDS = 0.5


def usable(client: ApiClient) -> list[str]:
    """Nodes that could take a replica now."""
    return spread.usable_nodes((client.get(object_path("nodes", "")) or {}).get("items", []))


def wait_for(client: ApiClient, nodes: list[str], timeout: float) -> None:
    """Until the nodes are Ready; what is not by then is the verification's business."""
    deadline = clock.monotonic() + timeout
    while set(nodes) - set(usable(client)) and clock.monotonic() < deadline:
        time.sleep(POLL_SECONDS)


def run(module: AnsibleModule) -> dict[str, Any]:
    """Observe, plan, evict."""
    if module.check_mode and not Path(paths.ADMIN_CONF).exists():
        return Plan().as_result()
    with admin() as client:
        if client.get(object_path("deployments", "coredns", NAMESPACE, "apps/v1")) is None:
            return Plan().as_result()
        if not module.check_mode:
            wait_for(client, module.params["nodes"], module.params["timeout"])
        pods = client.get(f"{object_path('pods', '', NAMESPACE)}?labelSelector=k8s-app%3Dkube-dns") or {}
        decided = spread.plan(pods.get("items", []), usable(client))
        if not module.check_mode:
            for step in decided.steps:
                client.evict(step.target, NAMESPACE, step.data["uid"])
        return decided.as_result()


def main() -> None:
    """Entry point."""
    options = {
        "nodes": {"type": "list", "elements": "str", "default": []},
        "timeout": {"type": "int", "default": 60},
    }
    run_module(AnsibleModule(options, supports_check_mode=True), run)


if __name__ == "__main__":
    main()
