#!/usr/bin/python
# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Edge of cluster_facts: one look at the whole cluster from a control plane."""

from __future__ import annotations

DOCUMENTATION = r"""
module: cluster_facts
short_description: Nodes, control plane health, etcd members and kubeadm's configuration of a cluster
version_added: 1.0.0
author: kubeops.cluster contributors (@kubeops)
description:
  - An action that runs the module on the first healthy host of the group C(control_plane), whichever host the task is
    for. Reads only.
extends_documentation_fragment: kubeops.cluster.attributes.reads
options: {}
"""

EXAMPLES = r"""
- name: Look at the cluster
  kubeops.cluster.cluster_facts:
  run_once: true
"""

RETURN = r"""
ansible_facts:
  description: The facts.
  returned: success
  type: dict
  contains:
    kubeops_cluster:
      description: The cluster.
      returned: success
      type: dict
      contains:
        schema:
          description: Version of this structure.
          type: int
          returned: always
        version:
          description: Version of the API server that was asked.
          type: str
          returned: always
          sample: v1.36.3
        endpoint:
          description: C(host:port) by which nodes join.
          type: str
          returned: always
        nodes:
          description: >-
            Each node with C(name), C(ready), C(version), C(roles), C(addresses), C(labels), C(taints),
            C(unschedulable), C(runtime_version), C(conditions), C(pod_cidrs).
          type: list
          elements: dict
          returned: always
        components:
          description: >-
            Control plane pods, each with C(name), C(node), C(component), C(image), C(ready), C(restarts).
          type: list
          elements: dict
          returned: always
        etcd_members:
          description: >-
            Members with C(id), C(name), C(peer_urls), C(client_urls), C(is_learner), C(healthy).
            Empty with external etcd.
          type: list
          elements: dict
          returned: always
        kubeadm_config:
          description: kubeadm's ClusterConfiguration, YAML text.
          type: str
          returned: always
        coredns:
          description: C(installed), C(image), C(ready) and C(wanted) replicas.
          type: dict
          returned: always
control_plane:
  description: The control plane that answered.
  returned: success
  type: str
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._core.edge import run_module
from ..module_utils._kubeadm import cluster_probe


def main() -> None:
    """Parse options and run."""
    module = AnsibleModule(argument_spec={}, supports_check_mode=True)
    run_module(module, lambda _module: {"changed": False, "ansible_facts": {"kubeops_cluster": cluster_probe.probe()}})


if __name__ == "__main__":
    main()
