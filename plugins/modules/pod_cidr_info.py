#!/usr/bin/python
# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses and pod subnets of a cluster's nodes."""

from __future__ import annotations

DOCUMENTATION = r"""
module: pod_cidr_info
short_description: Addresses and pod subnets of the nodes
version_added: 1.0.0
description:
  - Reads the Node objects on a control plane, and waits until the controller manager has given a pod subnet to
    the nodes that are asked for, which it does a moment after they join.
author:
  - kubeops.cluster contributors (@kubeops)
requirements:
  - kubectl on the node
options:
  wait_for:
    description: Names of nodes that must have a pod subnet.
    type: list
    elements: str
    default: []
  timeout:
    description: Seconds to wait for them.
    type: int
    default: 60
  kubeconfig:
    description: Credentials on the node. In check mode the answer is empty where they do not exist.
    type: path
    default: /etc/kubernetes/admin.conf
extends_documentation_fragment:
  - kubeops.cluster.attributes.reads
"""

EXAMPLES = r"""
- name: Pod subnets, once w1 has one
  kubeops.cluster.pod_cidr_info:
    wait_for: [w1]
  register: subnets
"""

RETURN = r"""
nodes:
  description: One entry for each Node object, by name.
  returned: always
  type: list
  elements: dict
  sample:
    - {name: w1, addresses: [192.0.2.21], pod_cidrs: [10.244.1.0/24]}
"""

import json
import time
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._cni.bridge import find, from_api
from ..module_utils._core import clock
from ..module_utils._core.edge import run_module
from ..module_utils._core.errors import KubeopsError
from ..module_utils._core.runner import Runner

OPTIONS: dict[str, Any] = {
    "wait_for": {"type": "list", "elements": "str", "default": []},
    "timeout": {"type": "int", "default": 60},
    "kubeconfig": {"type": "path", "default": "/etc/kubernetes/admin.conf"},
}


def run(module: AnsibleModule) -> dict[str, Any]:
    """Read until the nodes that are waited for have their subnets."""
    params, runner = module.params, Runner(module)
    if module.check_mode and not Path(params["kubeconfig"]).exists():
        return {"changed": False, "nodes": []}
    argv = ["kubectl", f"--kubeconfig={params['kubeconfig']}", "--request-timeout=15s", "get", "nodes", "-o", "json"]
    deadline = clock.monotonic() + params["timeout"]
    while True:
        nodes = from_api(json.loads(runner.run(argv).stdout))
        try:
            for name in params["wait_for"] if not module.check_mode else ():
                find(name, nodes)
        except KubeopsError:
            if clock.monotonic() > deadline:
                raise
            time.sleep(0.5)
        else:
            return {"changed": False, "nodes": [node.as_dict() for node in nodes]}


def main() -> None:
    """Entry point."""
    run_module(AnsibleModule(OPTIONS, supports_check_mode=True), run)


if __name__ == "__main__":
    main()
