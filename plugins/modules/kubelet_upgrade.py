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
  - A kubelet of another minor version starts static pods anew, some time after it called its node Ready. So on a
    control plane it first sees that every other one is up, and lets another etcd member lead; then it waits up to half
    a minute for their containers to be replaced, and in the end it sees that this control plane runs the version and is
    ready.
  - Installs nothing and drains nothing.
  - See U(https://kubernetes.io/docs/tasks/administer-cluster/kubeadm/kubeadm-upgrade/).
extends_documentation_fragment:
  - kubeops.cluster.attributes.changes
options:
  version:
    description: Kubernetes version, C(1.36.3) or C(v1.36.3).
    type: str
    required: true
  state:
    description:
      - V(running) is all of it.
      - Where the node is rebooted, V(prepared) before it does only what has to come first on a control plane, and
        V(rebooted) afterwards restarts nothing, but waits and looks as V(running) does in the end.
    type: str
    choices: [prepared, rebooted, running]
    default: running
  timeout:
    description: Seconds to wait until the node is Ready.
    type: int
    default: 180
"""

EXAMPLES = r"""
- name: Run the new kubelet
  kubeops.cluster.kubelet_upgrade:
    version: 1.36.3

- name: Before this node is rebooted onto it
  kubeops.cluster.kubelet_upgrade:
    version: 1.36.3
    state: prepared
"""

RETURN = r"""
plan:
  description: The step, with its reason. Empty on a node that is Ready with this version.
  returned: state is running
  type: list
  elements: dict
  sample: [{"action": "restart", "target": "kubelet", "reason": "the node runs v1.35.6, v1.36.3 is installed"}]
"""

import json
from collections.abc import Mapping
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._core.edge import run_module
from ..module_utils._core.errors import KubeopsError
from ..module_utils._core.runner import Runner
from ..module_utils._kubeadm import command, containers, journal, kubelet, probe, safety, upgrade_act
from ..module_utils._kubeadm.containers import Container

LOCK_TIMEOUT = 300.0


def main() -> None:
    """Parse options and run."""
    module = AnsibleModule(
        argument_spec={
            "version": {"type": "str", "required": True},
            "state": {"type": "str", "choices": sorted(STATES), "default": "running"},
            "timeout": {"type": "int", "default": 180},
        },
        supports_check_mode=True,
    )
    run_module(module, ensure)


def ensure(module: AnsibleModule) -> dict[str, Any]:
    """Observe, plan, refuse or act, verify."""
    target = f"v{module.params['version'].lstrip('v')}"
    return STATES[module.params["state"]](module, Runner(module), target)


def prepared(module: AnsibleModule, _runner: Runner, _target: str) -> dict[str, Any]:
    """Nothing restarts here, but something is about to."""
    if not module.check_mode:
        upgrade_act.prepare(probe.own_node_name())
    return {"changed": False}


def rebooted(module: AnsibleModule, runner: Runner, target: str) -> dict[str, Any]:
    """The kubelet runs by itself."""
    if not module.check_mode:
        _verify(runner, target, module.params["timeout"], {})
    return {"changed": False}


def running(module: AnsibleModule, runner: Runner, target: str) -> dict[str, Any]:
    """Restart it where it is another, and see for ourselves in any case."""
    seen = kubelet.observe(runner)
    planned = kubelet.plan(target, seen, predicting=module.check_mode)
    safety.refuse(planned.refusals)
    if module.check_mode:
        return planned.as_result()
    before = _static_pods(runner) if planned.changed and kubelet.replaces_static_pods(seen.running, target) else {}
    if planned.changed:
        _restart(runner)
    _verify(runner, target, module.params["timeout"], before)
    return planned.as_result()


def _static_pods(runner: Runner) -> dict[str, Container]:
    """Containers of kubeadm's static pods; none on a worker."""
    own = upgrade_act.static_pods()
    return {name: one for name, one in containers.newest(runner).items() if name in own} if own else {}


def _restart(runner: Runner) -> None:
    with journal.exclusive(LOCK_TIMEOUT):
        upgrade_act.prepare(probe.own_node_name())
        runner.run(["systemctl", "restart", "kubelet"], timeout=120)


def _verify(runner: Runner, target: str, timeout: float, before: Mapping[str, Container]) -> None:
    problem = kubelet.wait(runner, target, timeout)
    if problem:
        evidence = command.gather_evidence(runner)
        raise KubeopsError(
            f"the node is not Ready with kubelet {target} after {timeout:g} s",
            seen=f"{problem}; {json.dumps(evidence['kubelet_log'][-3:])}",
            fix="on the node: journalctl -u kubelet; run the same playbook again once it is repaired",
            details={"evidence": evidence},
        )
    kubelet.wait_for_replacement(runner, before)
    upgrade_act.verify(target, probe.own_node_name())


STATES = {"prepared": prepared, "rebooted": rebooted, "running": running}

if __name__ == "__main__":
    main()
