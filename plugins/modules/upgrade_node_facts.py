#!/usr/bin/python
# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Edge of upgrade_node_facts: what an upgrade has to know of a node."""

from __future__ import annotations

DOCUMENTATION = r"""
module: upgrade_node_facts
short_description: What an upgrade has to know of a node
version_added: 1.0.0
author: kubeops.cluster contributors (@kubeops)
description:
  - Reads versions of binaries, flags and feature gates in use, disk space, certificates, and how the kubelet's
    configuration and a control plane's static pod manifests differ from what kubeadm would write from the cluster's own
    configuration.
  - Where another run, or what a killed run left behind, still works on the node (kubeadm goes on when its controller
    dies), the module waits until that has ended, and sees the node as it is then.
  - Never changes anything.
extends_documentation_fragment: kubeops.cluster.attributes.reads
options:
  patches:
    description: Directory of kubeadm's patches on the node. Empty for none.
    type: path
    default: ''
  disk_paths:
    description: Absolute paths whose free space is wanted, besides those that are always looked at.
    type: list
    elements: str
    default: []
  settle_timeout:
    description: Seconds to look again while the kubelet or the API server of the node is not healthy.
    type: int
    default: 0
  lock_timeout:
    description: Seconds to wait for another run that still works on this node.
    type: int
    default: 1200
"""

EXAMPLES = r"""
- name: Observe the node for an upgrade
  kubeops.cluster.upgrade_node_facts:
"""

RETURN = r"""
ansible_facts:
  description: The facts.
  returned: always
  type: dict
  contains:
    kubeops_upgrade:
      description:
        - C(name) of the Node, C(state), C(busy) (another run still works on it), C(kubelet_healthy), C(api_ready),
          C(binaries) (version by name), C(runtime), C(cgroup), C(cgroup_v1_accepted), C(flags) and C(gates) by
          component, C(local) (components that speak to this node's own API server), C(disk) (MiB by path),
          C(etcd_data_mib), C(certificates) (C(name), C(path), C(verdict), C(seconds_left)), C(drift) (a diff by
          component), C(kubelet_drift) (a diff of the kubelet's configuration with what kubeadm would write from the
          cluster's, of every node).
        - C(certificates_note), C(drift_note) and C(kubelet_drift_note) say why these could not be read, C(drift_passes)
          that another look may do better.
        - In the middle of an upgrade, manifests are compared with what the kubeadm of before, which the role
          upgrade_cluster keeps, would write, and with what the installed one would.
      returned: always
      type: dict
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._core.edge import run_module
from ..module_utils._core.errors import Refusal
from ..module_utils._core.runner import Runner
from ..module_utils._gates import node
from ..module_utils._gates.settle import node_is_well, settled
from ..module_utils._kubeadm import journal


def required_absolute(disk_paths: list[str]) -> list[str]:
    """The same; raises Refusal for a path that is none."""
    wrong = [path for path in disk_paths if not path.startswith("/")]
    if wrong:
        raise Refusal("a disk path is not absolute", seen=wrong[0], fix="begin it with /", rule="input")
    return disk_paths


def observe(module: AnsibleModule) -> dict[str, Any]:
    """The facts, as exit_json wants them."""
    runner, patches = Runner(module), module.params["patches"]
    disks = required_absolute(module.params["disk_paths"])
    busy = not journal.settle(module.params["lock_timeout"])
    facts = settled(lambda: node.probe(runner, patches, disks), node_is_well, module.params["settle_timeout"])
    return {"changed": False, "ansible_facts": {"kubeops_upgrade": {**facts, "busy": busy}}}


def main() -> None:
    """Parse options and run."""
    spec = {
        "patches": {"type": "path", "default": ""},
        "disk_paths": {"type": "list", "elements": "str", "default": []},
        "settle_timeout": {"type": "int", "default": 0},
        "lock_timeout": {"type": "int", "default": 1200},
    }
    run_module(AnsibleModule(argument_spec=spec, supports_check_mode=True), observe)


if __name__ == "__main__":
    main()
