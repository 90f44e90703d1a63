#!/usr/bin/python
# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Edge of kubelet_csr_approve on a control plane; the action finds one that answers."""

from __future__ import annotations

DOCUMENTATION = r"""
module: kubelet_csr_approve
short_description: Approve kubelets' requests for serving certificates that match the inventory
version_added: 1.0.0
author: kubeops.cluster contributors (@kubeops)
description:
  - With C(serverTLSBootstrap) a kubelet asks the cluster for its serving certificate, and nothing in Kubernetes
    approves that. This approves a node's last request where user, groups, subject, usages, names and addresses are
    those of the inventory and of the Node object, and nothing else.
  - One node after the other. Each kubelet is seen to serve its new certificate before the next one gets its own.
    A kubelet that asks for nothing, for something else, or does not serve what it got stops no other; the module
    fails at the end and names it.
  - An action. It runs on whichever control plane answers.
  - See U(https://kubernetes.io/docs/reference/access-authn-authz/kubelet-tls-bootstrapping/).
requirements:
  - The Python library C(cryptography) on the control planes, 36 or newer.
extends_documentation_fragment: kubeops.cluster.attributes.reads
options:
  nodes:
    description: Nodes as the inventory has them. Requests of other nodes are not looked at.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the Node.
        type: str
        required: true
      addresses:
        description: Addresses of the node. The first is asked for what the kubelet serves.
        type: list
        elements: str
        required: true
      host:
        description: Its name in the inventory, for messages.
        type: str
        default: ''
      address:
        description: The first of O(nodes[].addresses), as the filter P(kubeops.cluster.cluster_nodes#filter) has it.
        type: str
        default: ''
  extra_names:
    description:
      - By Node name, further DNS names and addresses that its kubelet may ask for, as those that a cloud gives it.
    type: dict
    default: {}
  timeout:
    description: Seconds to wait for a request, for the certificate, and for the kubelet to serve it.
    type: float
    default: 60.0
"""

EXAMPLES = r"""
- name: Kubelets of this play get their serving certificates
  kubeops.cluster.kubelet_csr_approve:
    nodes: "{{ ansible_play_hosts | kubeops.cluster.cluster_nodes(hostvars) }}"
  run_once: true
"""

RETURN = r"""
nodes:
  description: For each node the request looked at and approved, if there was one, and what its kubelet serves now.
  returned: always
  type: list
  elements: dict
  sample:
    - node: w1
      request: csr-4nx7k
      approved: csr-4nx7k
      reasons: []
      failure: ''
      served: {endpoint: "192.0.2.21:10250", serial: 4f1a, not_after: "2027-11-21T10:00:00Z"}
control_plane:
  description: Inventory name of the control plane that was asked.
  returned: success
  type: str
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._core.edge import run_module
from ..module_utils._kubeadm import credentials
from ..module_utils._kubeadm.api import admin
from ..module_utils._kubelet import approve, serving


def main() -> None:
    """Parse options and run."""
    node = {
        "name": {"type": "str", "required": True},
        "addresses": {"type": "list", "elements": "str", "required": True},
        "host": {"type": "str", "default": ""},
        "address": {"type": "str", "default": ""},
    }
    spec = {
        "nodes": {"type": "list", "elements": "dict", "required": True, "options": node},
        "extra_names": {"type": "dict", "default": {}},
        "timeout": {"type": "float", "default": 60.0},
    }
    run_module(AnsibleModule(argument_spec=spec, supports_check_mode=True), ensure)


def ensure(module: AnsibleModule) -> dict[str, Any]:
    """Approve what matches; fail with what does not."""
    params = module.params
    nodes = [
        serving.Wanted(entry["name"], tuple(entry["addresses"]), tuple(params["extra_names"].get(entry["name"], ())))
        for entry in params["nodes"]
    ]
    with admin() as api:
        credentials.require_healthy(api)
        outcomes = approve.run(api, nodes, params["timeout"], act=not module.check_mode)
    result = {
        "changed": any(outcome.approved for outcome in outcomes),
        "nodes": [outcome.as_dict() for outcome in outcomes],
    }
    fault = approve.fault(outcomes)
    if fault:
        fault.details.update(result)
        raise fault
    return result


if __name__ == "__main__":
    main()
