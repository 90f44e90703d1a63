#!/usr/bin/python
# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compare a cluster with its inventory."""

from __future__ import annotations

DOCUMENTATION = r"""
module: cluster_verify
short_description: Verify that a cluster is what its inventory says
version_added: 1.0.0
description:
  - Runs on one control plane and looks at the whole cluster. Every node is Ready at the wanted version, every static
    pod of every control plane is ready, every API server answers C(/readyz) at its own address and through the
    endpoint with the wanted version, the members of a stacked etcd are the control planes, healthy and voting, and
    CoreDNS is available.
  - Asks again until nothing is wrong or O(timeout) has passed, since nodes become Ready a while after they join.
  - Never changes anything, and never reports a change. In check mode, errors are returned as findings only.
author:
  - kubeops.cluster contributors (@kubeops)
options:
  nodes:
    required: true
  version:
    description: Kubernetes version of every kubelet and API server, with or without a leading v. Empty for any.
    type: str
    default: ''
  endpoint:
    description: C(host:port) of the cluster's API. Empty leaves it out.
    type: str
    default: ''
  api_port:
    description: Port of every API server on its own address.
    type: int
    default: 6443
  stacked_etcd:
    description: Whether etcd runs on the control planes.
    type: bool
    default: true
  dns:
    description: Whether CoreDNS has to be there.
    type: bool
    default: true
  pod_network:
    description:
      - Whether a pod network was asked for. Where V(false), nodes that are not Ready for want of one, and CoreDNS as
        long as there are such nodes, are warned about and do not fail.
    type: bool
    default: true
  network:
    description: What identifies the pod network, as given to M(kubeops.cluster.verify_pods).
    type: str
    default: ''
  timeout:
    description: Seconds to wait for errors to go away.
    type: int
    default: 180
extends_documentation_fragment:
  - kubeops.cluster.attributes.reads
  - kubeops.cluster.verification.nodes
"""

EXAMPLES = r"""
- name: The cluster is healthy
  kubeops.cluster.cluster_verify:
    nodes:
      - {name: cp1, address: 192.0.2.11, control_plane: true}
      - {name: w1, address: 192.0.2.21}
    version: 1.36.3
    endpoint: 192.0.2.100:8443
"""

RETURN = r"""
findings:
  description: Everything that is not as it should be, warnings included. Errors make the module fail.
  returned: always
  type: list
  elements: dict
  sample:
    - rule: node_not_ready
      level: error
      hosts: [w1]
      message: "is not Ready: NetworkPluginNotReady"
      fix: "on the node: journalctl -u kubelet; a missing pod network shows here too"
      variable: ""
      value: ""
unverified:
  description:
    - Nodes of O(nodes) that are required and whose pods were never seen to answer in O(network). Empty where the node
      is in no cluster yet.
  returned: always
  type: list
  elements: str
  sample: [w1]
awaits_network:
  description: Whether nodes lack a pod network that O(pod_network) did not ask for. No pod can answer there.
  returned: always
  type: bool
dns_address:
  description: Address of the cluster's DNS service. Empty without one.
  returned: always
  type: str
  sample: 10.96.0.10
"""

import time
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._core import clock
from ..module_utils._core.edge import run_module
from ..module_utils._core.errors import KubeopsError
from ..module_utils._inventory.finding import Finding, table
from ..module_utils._kubeadm import paths
from ..module_utils._kubeadm.api import ApiClient, admin
from ..module_utils._verify import argspec, judge, probe
from ..module_utils._verify.model import Expected, Node, Observed

POLL_SECONDS = 1.0
OPTIONS: dict[str, Any] = {
    "nodes": {**argspec.NODES, "required": True},
    "version": {"type": "str", "default": ""},
    "endpoint": {"type": "str", "default": ""},
    "api_port": {"type": "int", "default": 6443},
    "stacked_etcd": {"type": "bool", "default": True},
    "dns": {"type": "bool", "default": True},
    "pod_network": {"type": "bool", "default": True},
    "network": {"type": "str", "default": ""},
    "timeout": {"type": "int", "default": 180},
}


def expected(params: dict[str, Any]) -> Expected:
    """The module's options as what the cluster should be."""
    version = params["version"].lstrip("v")
    return Expected(
        nodes=tuple(Node(**node) for node in params["nodes"]),
        version=f"v{version}" if version else "",
        endpoint=params["endpoint"],
        api_port=params["api_port"],
        stacked_etcd=params["stacked_etcd"],
        dns=params["dns"],
        pod_network=params["pod_network"],
    )


def settled(client: ApiClient, wanted: Expected, timeout: float) -> tuple[Observed, list[Finding]]:
    """Observe until no error is left or the time is up."""
    deadline = clock.monotonic() + timeout
    while True:
        late = clock.monotonic() >= deadline
        try:
            observed = probe.observe(client, wanted)
            findings = judge.judge(wanted, observed)
            if late or not judge.errors(findings):
                return observed, findings
        except KubeopsError:  # an API server that has just started may be silent, or forbid all for want of its roles
            if late:
                raise
        time.sleep(POLL_SECONDS)


def run(module: AnsibleModule) -> dict[str, Any]:
    """Observe and judge."""
    if module.check_mode and not Path(paths.ADMIN_CONF).exists():
        return {"changed": False, "findings": [], "unverified": [], "awaits_network": False, "dns_address": ""}
    wanted = expected(module.params)
    with admin() as client:
        timeout = 0 if module.check_mode else module.params["timeout"]
        observed, findings = settled(client, wanted, timeout)
    if judge.errors(findings) and not module.check_mode:
        raise judge.error(findings, "The cluster is not what the inventory says")
    return {
        "changed": False,
        "findings": [finding.as_dict() for finding in findings],
        "unverified": judge.unverified(wanted, observed, module.params["network"]),
        "awaits_network": judge.awaits_network(wanted, observed),
        "dns_address": observed.dns_address,
        "warnings": [table([finding]) for finding in findings],
    }


def main() -> None:
    """Entry point."""
    run_module(AnsibleModule(OPTIONS, supports_check_mode=True), run)


if __name__ == "__main__":
    main()
