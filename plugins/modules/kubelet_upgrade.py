#!/usr/bin/python
# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Edge of kubelet_upgrade: an installed kubelet in, a Ready node that runs it out."""

from __future__ import annotations

DOCUMENTATION = r"""
module: kubelet_upgrade
short_description: Let a node run the kubelet that is installed on it
version_added: 1.0.0
author: kubeops.cluster contributors (@kubeops)
description:
  - Restarts the kubelet where the cluster says that the node still runs another version, and waits until the node is
    Ready with the one wanted. Refuses where another version than the one wanted is installed.
  - A kubelet of another version starts static pods anew. So on a control plane it first sees that every other one is
    up, and lets another etcd member lead; afterwards it sees that this control plane runs the version and is ready.
  - Installs nothing and drains nothing.
  - See U(https://kubernetes.io/docs/tasks/administer-cluster/kubeadm/kubeadm-upgrade/).
extends_documentation_fragment:
  - kubeops.cluster.attributes.changes
options:
  version:
    description: Kubernetes version, C(1.36.3) or C(v1.36.3).
    type: str
    required: true
  timeout:
    description: Seconds to wait until the node is Ready.
    type: int
    default: 180
"""

EXAMPLES = r"""
- name: Run the new kubelet
  kubeops.cluster.kubelet_upgrade:
    version: 1.36.3
"""

RETURN = r"""
plan:
  description: The step, with its reason. Empty on a node that is Ready with this version.
  returned: success
  type: list
  elements: dict
  sample: [{"action": "restart", "target": "kubelet", "reason": "the node runs v1.35.6, v1.36.3 is installed"}]
"""

import json
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._core.edge import run_module
from ..module_utils._core.errors import KubeopsError
from ..module_utils._core.runner import Runner
from ..module_utils._kubeadm import command, journal, kubelet, probe, safety, upgrade_act

LOCK_TIMEOUT = 300.0


def main() -> None:
    """Parse options and run."""
    module = AnsibleModule(
        argument_spec={
            "version": {"type": "str", "required": True},
            "timeout": {"type": "int", "default": 180},
        },
        supports_check_mode=True,
    )
    run_module(module, ensure)


def ensure(module: AnsibleModule) -> dict[str, Any]:
    """Observe, plan, refuse or act, verify."""
    runner, target = Runner(module), f"v{module.params['version'].lstrip('v')}"
    planned = kubelet.plan(target, kubelet.observe(runner), predicting=module.check_mode)
    safety.refuse(planned.refusals)
    if planned.changed and not module.check_mode:
        with journal.exclusive(LOCK_TIMEOUT):
            _restart(runner, target, module.params["timeout"])
    return planned.as_result()


def _restart(runner: Runner, target: str, timeout: float) -> None:
    name = probe.own_node_name()
    upgrade_act.prepare(name)
    runner.run(["systemctl", "restart", "kubelet"], timeout=120)
    _verify(runner, target, timeout)
    upgrade_act.verify(target, name)


def _verify(runner: Runner, target: str, timeout: float) -> None:
    problem = kubelet.wait(runner, target, timeout)
    if problem:
        evidence = command.gather_evidence(runner)
        raise KubeopsError(
            f"the node is not Ready with kubelet {target} after {timeout:g} s",
            seen=f"{problem}; {json.dumps(evidence['kubelet_log'][-3:])}",
            fix="on the node: journalctl -u kubelet; run the same playbook again once it is repaired",
            details={"evidence": evidence},
        )


if __name__ == "__main__":
    main()
