#!/usr/bin/python
# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Edge of upgrade_cluster_facts: what an upgrade has to know of the cluster."""

from __future__ import annotations

DOCUMENTATION = r"""
module: upgrade_cluster_facts
short_description: What an upgrade has to know of the cluster
version_added: 1.0.0
author: kubeops.cluster contributors (@kubeops)
description:
  - An action that runs the module on the first healthy host of the group C(control_plane), whichever host the task is
    for.
  - Asks every API server for its version and for the deprecated APIs that clients use, etcd's members for theirs, and
    reads nodes, control plane pods, addons and admission webhooks. Never changes anything.
extends_documentation_fragment: kubeops.cluster.attributes.reads
options:
  settle_timeout:
    description: Seconds to look again while a node, a control plane pod or an etcd member is not healthy.
    type: int
    default: 0
"""

EXAMPLES = r"""
- name: Observe the cluster for an upgrade
  kubeops.cluster.upgrade_cluster_facts:
  run_once: true
"""

RETURN = r"""
cluster:
  description:
    - C(nodes), C(components), C(api_servers) (version by node), C(deprecated_apis), C(kube_proxies) (version by
      node), C(proxy_gates) (kube-proxy's feature gates), C(coredns) (version), C(customisations) (C(object),
      C(manager) and C(fields) that it wrote), C(cloud_controllers) (C(node) and C(image)), C(webhooks), C(etcd),
      C(etcd_pinned) and C(coredns_pinned) (kubeadm's configuration names an image tag of its own), C(evicted_pods)
      (how many pods a drain would take from each node), and C(drain) (nodes, disruption budgets, and the pods that
      could stop a drain).
  returned: success
  type: dict
control_plane:
  description: The control plane that answered.
  returned: success
  type: str
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._core.edge import run_module
from ..module_utils._gates import cluster, settle


def main() -> None:
    """Parse options and run."""
    spec = {"settle_timeout": {"type": "int", "default": 0}}
    run_module(AnsibleModule(argument_spec=spec, supports_check_mode=True), observe)


def observe(module: AnsibleModule) -> dict[str, Any]:
    """The cluster, as exit_json wants it."""
    seen = settle.settled(cluster.probe, settle.cluster_is_well, module.params["settle_timeout"])
    return {"changed": False, "cluster": seen}


if __name__ == "__main__":
    main()
