# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What has to be done to a node so that it is drained, or takes pods again (pure)."""

from __future__ import annotations

from collections.abc import Sequence

from .._core.plan import Plan, Step
from .model import Node, Pod

CORDON, EVICT, UNCORDON = "cordon", "evict", "uncordon"


def drain(node: Node, leaving: Sequence[Pod]) -> Plan:
    """Cordon unless somebody did, then evict what is left."""
    steps = [] if node.unschedulable else [Step(CORDON, node.name, "it takes pods")]
    steps += [Step(EVICT, pod.key, f"it runs on {node.name}") for pod in leaving]
    return _plan(node, steps, unschedulable=True, pods=leaving)


def uncordon(node: Node, reason: str) -> Plan:
    """Only where the note says that it was us, and for this: another's cordon is another's business."""
    if node.cordoned_by != reason:
        return _plan(node, [], unschedulable=node.unschedulable)
    return _plan(node, [Step(UNCORDON, node.name, f"it was cordoned by {reason}")], unschedulable=False)


def _plan(node: Node, steps: Sequence[Step], *, unschedulable: bool, pods: Sequence[Pod] = ()) -> Plan:
    before = {"unschedulable": node.unschedulable, "pods": [pod.key for pod in pods]}
    after = {"unschedulable": unschedulable, "pods": []}
    return Plan(tuple(steps), before=before, after=after)
