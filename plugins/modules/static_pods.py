#!/usr/bin/python
# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Edge of static_pods: names of pods in, stopped or handed back to the kubelet out."""

from __future__ import annotations

DOCUMENTATION = r"""
module: static_pods
short_description: Stop static pods of a control plane, and start them again
version_added: 1.0.0
author: kubeops.cluster contributors (@kubeops)
description:
  - Stops a pod by moving its manifest to C(/etc/kubernetes/kubeops/stopped), and waits until no process of it is left
    on the node. Starts it by moving the manifest back.
  - A manifest that a later kubeadm wrote wins over one that was set aside.
  - See U(https://kubernetes.io/docs/tasks/configure-pod-container/static-pod/).
extends_documentation_fragment:
  - kubeops.cluster.attributes.reads
options:
  state:
    description: V(stopped) waits until the processes have ended; V(started) hands the pods to the kubelet.
    type: str
    choices: [stopped, started]
    required: true
  names:
    description: Names of the pods, which are the names of their manifests and of their processes.
    type: list
    elements: str
    required: true
  timeout:
    description: Seconds to wait for the processes to end.
    type: int
    default: 120
"""

EXAMPLES = r"""
- name: Stop the API server and what depends on it
  kubeops.cluster.static_pods:
    state: stopped
    names: [kube-apiserver, kube-controller-manager, kube-scheduler]
"""

RETURN = r"""
names:
  description: Pods that were, or in check mode would be, stopped or started.
  returned: success
  type: list
  elements: str
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._core import processes
from ..module_utils._core.edge import run_module
from ..module_utils._static_pods import pods


def run(module: AnsibleModule) -> dict[str, Any]:
    """Move the manifests that are not where they shall be."""
    names = module.params["names"]
    if module.params["state"] == "started":
        due = pods.set_aside(names)
        if not module.check_mode:
            pods.start(names)
        return {"changed": bool(due), "names": due}
    due = [name for name in names if pods.manifest(name).exists() or processes.running(name)]
    if due and not module.check_mode:
        pods.stop(names, module.params["timeout"])
    return {"changed": bool(due), "names": due}


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["stopped", "started"], "required": True},
            "names": {"type": "list", "elements": "str", "required": True},
            "timeout": {"type": "int", "default": 120},
        },
        supports_check_mode=True,
    )
    run_module(module, run)


if __name__ == "__main__":
    main()
