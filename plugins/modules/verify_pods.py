#!/usr/bin/python
# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pods for a verification."""

from __future__ import annotations

DOCUMENTATION = r"""
module: verify_pods
short_description: Run a pod on every node to verify the cluster with
version_added: 1.0.0
description:
  - With O(state=present), creates the namespace C(kubeops-verify) with a DaemonSet that tolerates every taint, waits
    until its pods are ready and asks each of them through the API server's proxy. What an earlier run has left behind
    is removed first.
  - With O(state=absent), removes the namespace and waits until it is gone.
  - With O(state=verified), notes O(network) in the annotation C(kubeops.io/verified-network) of the Nodes, where
    M(kubeops.cluster.cluster_verify) finds it. A verification that failed or was killed is so made up for by the next.
  - These objects are a means to an end, so no change is reported. Does nothing in check mode.
author:
  - kubeops.cluster contributors (@kubeops)
options:
  state:
    description:
      - Whether the pods should be there. V(absent) returns when the API server has accepted their removal; the next
        V(present) waits until they are gone. V(verified) is for nodes whose pods have answered.
    type: str
    choices: [present, absent, verified]
    default: present
  nodes:
    default: []
  image:
    description: Image that knows C(netexec --http-port=8080) and answers C(GET /hostname) with the pod's name.
    type: str
    default: registry.k8s.io/e2e-test-images/agnhost:2.53
  through_api:
    description:
      - Whether the pods have to answer through the API server's proxy too. Control planes that took no part in a
        run have no route yet to the pods of a node that joined in it, where routes are static (C(bridge)).
    type: bool
    default: true
  network:
    description: What identifies the pod network, in words of the caller's choice. Needed for O(state=verified).
    type: str
    default: ''
  timeout:
    description: Seconds to wait for the pods to be ready, or to be gone.
    type: int
    default: 120
extends_documentation_fragment:
  - kubeops.cluster.attributes.reads
  - kubeops.cluster.verification.nodes
"""

EXAMPLES = r"""
- name: Pods that answer
  kubeops.cluster.verify_pods:
    nodes:
      - {name: w1, address: 192.0.2.21}

- name: The way to them works, and need not be tried again
  kubeops.cluster.verify_pods:
    state: verified
    network: flannel 10.244.0.0/16
    nodes:
      - {name: w1, address: 192.0.2.21}

- name: They are no longer needed
  kubeops.cluster.verify_pods:
    state: absent
"""

RETURN = r"""
findings:
  description: What is wrong, in the shape of RV(kubeops.cluster.cluster_verify#module:findings).
  returned: always
  type: list
  elements: dict
pods:
  description: Pods that are ready.
  returned: always
  type: list
  elements: dict
  sample:
    - {name: echo-x7k2p, node: w1, address: 10.244.1.2}
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._core.edge import run_module
from ..module_utils._kubeadm.api import ApiClient, admin
from ..module_utils._verify import argspec, judge, pods
from ..module_utils._verify.model import Node

OPTIONS: dict[str, Any] = {
    "state": {"type": "str", "choices": ["present", "absent", "verified"], "default": "present"},
    "nodes": {**argspec.NODES, "default": []},
    "image": {"type": "str", "default": "registry.k8s.io/e2e-test-images/agnhost:2.53"},
    "through_api": {"type": "bool", "default": True},
    "network": {"type": "str", "default": ""},
    "timeout": {"type": "int", "default": 120},
}


def present(client: ApiClient, params: dict[str, Any]) -> dict[str, Any]:
    """Create, wait, and ask through the API server."""
    nodes = [Node(**node) for node in params["nodes"]]
    pods.create(client, params["image"], params["timeout"])
    ready, findings = pods.wait(client, nodes, params["timeout"])
    if params["through_api"]:
        findings += pods.through_api(client, ready, nodes)
    if judge.errors(findings):
        raise judge.error(findings, "Pods do not run as they should")
    return {"changed": False, "pods": ready, "findings": [finding.as_dict() for finding in findings]}


def run(module: AnsibleModule) -> dict[str, Any]:
    """Bring the pods, or take them away."""
    if module.check_mode:
        return {"changed": False, "pods": [], "findings": []}
    with admin() as client:
        if module.params["state"] == "present":
            return present(client, module.params)
        if module.params["state"] == "verified":
            pods.remember(client, [Node(**node) for node in module.params["nodes"]], module.params["network"])
        else:
            pods.remove(client)
    return {"changed": False, "pods": [], "findings": []}


def main() -> None:
    """Entry point."""
    run_module(AnsibleModule(OPTIONS, supports_check_mode=True), run)


if __name__ == "__main__":
    main()
