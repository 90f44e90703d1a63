#!/usr/bin/python
# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Verify a node from its own point of view."""

from __future__ import annotations

DOCUMENTATION = r"""
module: node_verify
short_description: Verify a node from its own point of view
version_added: 1.0.0
description:
  - The kubelet, and on control planes kube-controller-manager and kube-scheduler, answer at their local health
    endpoints. Pods on other nodes answer to this node, and the cluster's DNS knows its own name.
  - Never changes anything. In check mode, errors are returned as findings only, and a node that is not
    part of a cluster yet has none.
author:
  - kubeops.cluster contributors (@kubeops)
options:
  node_name:
    description: Name of this node.
    type: str
    required: true
  pods:
    description: Pods to ask, as M(kubeops.cluster.verify_pods) returns them. Those of this node are left out.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name of the pod, which it answers with.
        type: str
        required: true
      node:
        description: Node it runs on.
        type: str
        required: true
      address:
        description: Address of the pod.
        type: str
        required: true
  peers:
    description: At how many pods to ask at most. Every node takes those that follow it, so all are asked by some.
    type: int
    default: 10
  dns_address:
    description: Address of the cluster's DNS service. Empty asks nothing.
    type: str
    default: ''
  dns_name:
    description: Name that it has to know.
    type: str
    default: kubernetes.default.svc.cluster.local
  timeout:
    description: Seconds to wait for errors to go away. Service addresses take a moment to be routed.
    type: int
    default: 30
extends_documentation_fragment:
  - kubeops.cluster.attributes.reads
"""

EXAMPLES = r"""
- name: This control plane's own components
  kubeops.cluster.node_verify:
    node_name: cp1
"""

RETURN = r"""
findings:
  description: What is wrong, in the shape of RV(kubeops.cluster.cluster_verify#module:findings).
  returned: always
  type: list
  elements: dict
"""

import time
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._core import clock
from ..module_utils._core.edge import run_module
from ..module_utils._inventory.finding import Finding
from ..module_utils._kubeadm import paths
from ..module_utils._verify import judge, local
from ..module_utils._verify.model import Node

POLL_SECONDS = 1.0
POD_OPTIONS = {
    "name": {"type": "str", "required": True},
    "node": {"type": "str", "required": True},
    "address": {"type": "str", "required": True},
}
OPTIONS: dict[str, Any] = {
    "node_name": {"type": "str", "required": True},
    "pods": {"type": "list", "elements": "dict", "default": [], "options": POD_OPTIONS},
    "peers": {"type": "int", "default": 10},
    "dns_address": {"type": "str", "default": ""},
    "dns_name": {"type": "str", "default": "kubernetes.default.svc.cluster.local"},
    "timeout": {"type": "int", "default": 30},
}


def find(params: dict[str, Any]) -> list[Finding]:
    """Everything that is wrong here."""
    node = Node(params["node_name"], "")
    findings = [
        *local.components(node, local.health_urls()),
        *local.reach(node, local.neighbours(node.name, params["pods"], params["peers"])),
    ]
    if params["dns_address"]:
        findings += local.resolve(node, params["dns_address"], params["dns_name"])
    return findings


def run(module: AnsibleModule) -> dict[str, Any]:
    """Observe and judge."""
    if module.check_mode and not Path(paths.KUBELET_CONF).exists():
        return {"changed": False, "findings": []}
    deadline = clock.monotonic() + (0 if module.check_mode else module.params["timeout"])
    findings = find(module.params)
    while findings and clock.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
        findings = find(module.params)
    if findings and not module.check_mode:
        raise judge.error(findings, "The node is not healthy")
    return {"changed": False, "findings": [finding.as_dict() for finding in findings]}


def main() -> None:
    """Entry point."""
    run_module(AnsibleModule(OPTIONS, supports_check_mode=True), run)


if __name__ == "__main__":
    main()
