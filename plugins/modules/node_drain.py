#!/usr/bin/python
# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Edge of node_drain; the action plugin of the same name runs it on whichever control plane answers."""

from __future__ import annotations

DOCUMENTATION = r"""
module: node_drain
short_description: Predict, drain and uncordon nodes through the Eviction API, never by force
version_added: 1.0.0
author: kubeops.cluster contributors (@kubeops)
description:
  - An action that runs the module on the first healthy host of the group C(control_plane), whichever host the task is
    for.
  - Before it cordons anything it says what would stop the drain or be lost - disruption budgets that never allow it,
    pods without a controller, pods that keep data in an emptyDir - and refuses while there is any.
  - Cordons with a note in the annotation C(kubeops.io/cordoned-by), and uncordons only nodes that carry the same. A
    node that somebody else cordoned stays so.
  - Evicts with the Eviction API, so disruption budgets hold. Static pods and those of DaemonSets stay.
  - See U(https://kubernetes.io/docs/tasks/administer-cluster/safely-drain-node/).
extends_documentation_fragment: kubeops.cluster.attributes.changes
options:
  batches:
    description:
      - Names of Node objects in the order in which they are drained, those of one inner list at the same time.
      - With O(state=drained) or O(state=schedulable), all of them, one after the other.
    type: list
    elements: list
    required: true
  state:
    description:
      - C(drainable) changes nothing and fails where a drain would be blocked, naming every reason on every node.
      - C(drained) is cordoned, with nothing on it that could move.
      - C(schedulable) takes pods again, where it was this module that cordoned it.
    type: str
    choices: [drainable, drained, schedulable]
    default: drained
  reason:
    description:
      - Who drains, for the note on the node. With O(state=schedulable), nodes cordoned by anybody else stay so.
    type: str
    default: kubeops.cluster
  delete_empty_dir:
    description: Whether pods may be moved that lose the content of an emptyDir by it.
    type: bool
    default: false
  evict_unmanaged:
    description: Whether pods may be evicted that have no controller to make them again.
    type: bool
    default: false
  grace_period:
    description: Seconds that a pod gets to end. -1 leaves it to the pod.
    type: int
    default: -1
  timeout:
    description: Seconds for one node until all its pods have left. A budget that allows nothing just now has as long.
    type: int
    default: 300
  settle_timeout:
    description:
      - Seconds to wait for blockers that may pass, such as a replica that is not Ready yet, with O(state=drainable).
    type: int
    default: 60
"""

EXAMPLES = r"""
- name: Say what would block, before anything is touched
  kubeops.cluster.node_drain:
    batches: [[w1], [w2, w3]]
    state: drainable
  run_once: true

- name: Drain this node
  kubeops.cluster.node_drain:
    batches: [["{{ inventory_hostname }}"]]

- name: Let pods come back
  kubeops.cluster.node_drain:
    batches: [["{{ inventory_hostname }}"]]
    state: schedulable
"""

RETURN = r"""
plan:
  description: The steps, each with its reason.
  returned: success
  type: list
  elements: dict
  sample:
    - {action: cordon, target: w1, reason: it takes pods}
    - {action: evict, target: shop/web-5d8f7-x2x9k, reason: it runs on w1}
blockers:
  description: Everything that blocks, each with C(rule), C(node), C(pod), C(evidence), C(fix) and C(passing).
  returned: when something blocks
  type: list
  elements: dict
evicted:
  description: Pods that left, by node.
  returned: when nodes were drained
  type: dict
control_plane:
  description: The control plane that answered.
  returned: success
  type: str
"""

import time
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._core import clock
from ..module_utils._core.edge import run_module
from ..module_utils._core.errors import Refusal
from ..module_utils._core.plan import Plan
from ..module_utils._drain import act, plan, predict
from ..module_utils._kubeadm import api, credentials


def main() -> None:
    """Parse options and run."""
    module = AnsibleModule(
        argument_spec={
            "batches": {"type": "list", "elements": "list", "required": True},
            "state": {"type": "str", "choices": ["drainable", "drained", "schedulable"], "default": "drained"},
            "reason": {"type": "str", "default": "kubeops.cluster"},
            "delete_empty_dir": {"type": "bool", "default": False},
            "evict_unmanaged": {"type": "bool", "default": False},
            "grace_period": {"type": "int", "default": -1},
            "timeout": {"type": "int", "default": 300},
            "settle_timeout": {"type": "int", "default": 60},
        },
        supports_check_mode=True,
    )
    run_module(module, ensure)


def ensure(module: AnsibleModule) -> dict[str, Any]:
    """Observe, plan, refuse or act."""
    batches = [[str(name) for name in batch] for batch in module.params["batches"]]
    names = [name for batch in batches for name in batch]
    with api.admin() as client:
        credentials.require_healthy(client)
        if module.params["state"] == "schedulable":
            return _schedulable(module, client, names)
        warnings = _require_drainable(client, module.params, batches)
        if module.params["state"] == "drainable":
            return {**Plan(warnings=tuple(warnings)).as_result()}
        return _drained(module, client, names)


def _require_drainable(client: api.ApiClient, params: dict[str, Any], batches: list[list[str]]) -> list[str]:
    """Raise Refusal with every blocker; returns warnings.

    Those that may pass get a moment to do so. Where the node is drained right away the eviction itself waits for them:
    a node of the same batch may be what keeps a budget busy.
    """
    drains = params["state"] == "drained"
    accepted = predict.Accepted(params["delete_empty_dir"], params["evict_unmanaged"])
    deadline = clock.monotonic() + params["settle_timeout"]
    while True:
        seen = act.observe(client)
        found = [one for one in predict.blockers(seen, batches, accepted) if not (drains and one.passing)]
        if not found:
            return predict.warnings(seen, [name for batch in batches for name in batch])
        if clock.monotonic() > deadline or not all(blocker.passing for blocker in found):
            raise _refusal(found)
        time.sleep(act.POLL_SECONDS)


def _refusal(found: list[predict.Blocker]) -> Refusal:
    ways_out = dict.fromkeys(blocker.fix for blocker in found)
    return Refusal(
        "draining would be blocked, so nothing was cordoned",
        seen="; ".join(blocker.evidence for blocker in found),
        fix="; or ".join(ways_out),
        details={"blockers": [blocker.as_dict() for blocker in found]},
        rule=found[0].rule,
    )


def _drained(module: AnsibleModule, client: api.ApiClient, names: list[str]) -> dict[str, Any]:
    params = module.params
    plans = {name: plan.drain(act.node(client, name), act.leaving(client, name)) for name in names}
    evicted: dict[str, list[str]] = {}
    if not module.check_mode:
        limits = act.Limits(params["grace_period"], float(params["timeout"]))
        for name, planned in plans.items():
            if any(step.action == plan.CORDON for step in planned.steps):
                act.cordon(client, name, params["reason"])
            evicted[name] = act.evict_all(client, name, limits)
    return {**_joined(plans), "evicted": evicted}


def _schedulable(module: AnsibleModule, client: api.ApiClient, names: list[str]) -> dict[str, Any]:
    plans = {name: plan.uncordon(act.node(client, name), module.params["reason"]) for name in names}
    if not module.check_mode:
        for name in [name for name, planned in plans.items() if planned.changed]:
            act.uncordon(client, name)
    return _joined(plans)


def _joined(plans: dict[str, Plan]) -> dict[str, Any]:
    return Plan(
        steps=tuple(step for planned in plans.values() for step in planned.steps),
        before={name: planned.before for name, planned in plans.items()},
        after={name: planned.after for name, planned in plans.items()},
    ).as_result()


if __name__ == "__main__":
    main()
