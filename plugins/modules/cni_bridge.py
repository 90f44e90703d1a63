#!/usr/bin/python
# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The reference bridge plugin and static routes."""

from __future__ import annotations

DOCUMENTATION = r"""
module: cni_bridge
short_description: Pod network of one node with the reference plugins and static routes
version_added: 1.0.0
description:
  - For nodes in one flat network. Pods of a node are on a bridge with the node's pod subnet, and every other
    node's pod subnet is routed to that node's address.
  - Writes the network configuration list, a file with the routes and a unit that sets them at boot, and brings the
    kernel's routes in line. Routes carry a protocol number of their own (147). Only such routes are removed, when the
    node they led to is gone.
  - Traffic that leaves a node's pod subnet has the node's address as its source (C(ipMasq) of the bridge plugin), so
    pods on other nodes see the node, not the pod. Network policies are not enforced.
author:
  - kubeops.cluster contributors (@kubeops)
requirements:
  - plugins bridge, host-local and portmap (U(https://www.cni.dev/plugins/current/)), systemd, iproute2
options:
  node_name:
    description: Name of this node in O(nodes).
    type: str
    required: true
  nodes:
    description:
      - All nodes of the cluster, as M(kubeops.cluster.pod_cidr_info) returns them.
      - Empty in check mode, where there is no cluster yet.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the Node object.
        type: str
        required: true
      addresses:
        description: Addresses at which the other nodes reach it. The first of each family counts.
        type: list
        elements: str
        required: true
      pod_cidrs:
        description: C(spec.podCIDRs) of the Node object. Nodes without any get no route.
        type: list
        elements: str
        default: []
  mtu:
    description: MTU of the bridge and the pods. 0 leaves it to the plugin.
    type: int
    default: 0
  plugin_directories:
    description: Where the container runtime looks for plugins.
    type: list
    elements: path
    default: [/opt/cni/bin, /usr/lib/cni, /usr/libexec/cni]
extends_documentation_fragment:
  - kubeops.cluster.attributes.changes
"""

EXAMPLES = r"""
- name: Pods of w1, and the way to those of cp1
  kubeops.cluster.cni_bridge:
    node_name: w1
    nodes:
      - {name: cp1, addresses: [192.0.2.11], pod_cidrs: [10.244.0.0/24]}
      - {name: w1, addresses: [192.0.2.21], pod_cidrs: [10.244.1.0/24]}
"""

RETURN = r"""
plan:
  description: What was (in check mode would be) done, in order.
  returned: always
  type: list
  elements: dict
  sample:
    - {action: replace_route, target: 10.244.0.0/24, reason: pods there are behind 192.0.2.11}
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._cni import bridge, node, plan
from ..module_utils._core.edge import run_module
from ..module_utils._core.errors import KubeopsError
from ..module_utils._core.plan import Plan
from ..module_utils._core.runner import Runner

NODE_OPTIONS = {
    "name": {"type": "str", "required": True},
    "addresses": {"type": "list", "elements": "str", "required": True},
    "pod_cidrs": {"type": "list", "elements": "str", "default": []},
}
OPTIONS: dict[str, Any] = {
    "node_name": {"type": "str", "required": True},
    "nodes": {"type": "list", "elements": "dict", "required": True, "options": NODE_OPTIONS},
    "mtu": {"type": "int", "default": 0},
    "plugin_directories": {
        "type": "list",
        "elements": "path",
        "default": ["/opt/cni/bin", "/usr/lib/cni", "/usr/libexec/cni"],
    },
}


def require_plugins(directories: list[str]) -> None:
    """Refuse a configuration that names plugins which are not there."""
    missing = node.missing_plugins(directories)
    if missing:
        raise KubeopsError(
            f"CNI plugins are missing on this node: {', '.join(missing)}",
            seen=f"looked in {', '.join(directories)}",
            fix="role kubernetes_packages installs them; or correct plugin_directories",
        )


def run(module: AnsibleModule) -> dict[str, Any]:
    """Observe, plan, act, verify."""
    params, runner = module.params, Runner(module)
    nodes = [
        bridge.Node(entry["name"], tuple(entry["addresses"]), tuple(entry["pod_cidrs"])) for entry in params["nodes"]
    ]
    if module.check_mode and not nodes:
        return plan.WITHOUT_CLUSTER.as_result()
    own = bridge.find(params["node_name"], nodes)
    routes = bridge.routes(own.name, nodes)
    # The list comes last: with it, the kubelet calls the node ready.
    contents = {
        bridge.ROUTES: bridge.routes_file(routes),
        bridge.UNIT: bridge.unit(runner.which("ip") or "/sbin/ip"),
        bridge.CONFLIST: bridge.conflist(own, params["mtu"]),
    }

    def observed_plan() -> Plan:
        return plan.make(contents, routes, node.observe(runner, contents))

    decided = observed_plan()
    if decided.changed and not module.check_mode:
        require_plugins(params["plugin_directories"])
        node.carry_out(runner, decided, contents)
        left = observed_plan()
        if left.changed:
            raise KubeopsError("the pod network is not as planned", seen=str(left.as_result()["plan"]))
    return decided.as_result()


def main() -> None:
    """Entry point."""
    run_module(AnsibleModule(OPTIONS, supports_check_mode=True), run)


if __name__ == "__main__":
    main()
