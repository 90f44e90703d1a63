# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What would stop a drain, or lose something, said before the first node is cordoned (pure).

Rules of the Eviction API:
https://kubernetes.io/docs/concepts/scheduling-eviction/api-eviction/#how-api-initiated-eviction-works
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from .model import Budget, Node, Pod, leaving

UNMANAGED = "drain.unmanaged_pod"
EMPTY_DIR = "drain.empty_dir"
DEADLOCK = "drain.budget_deadlock"
BATCH = "drain.budget_batch"
SEVERAL_BUDGETS = "drain.several_budgets"


@dataclass(frozen=True)
class Blocker:
    """One reason why a node can't be drained: the rule, the pod, the evidence, the way out.

    passing: may be gone in a moment, because it hangs on pods that are not ready right now.
    """

    rule: str
    node: str
    pod: str
    evidence: str
    fix: str
    passing: bool = False

    def as_dict(self) -> dict[str, Any]:
        """Plain data for results."""
        return asdict(self)


@dataclass(frozen=True)
class Accepted:
    """What the operator accepts to lose."""

    empty_dir: bool = False
    unmanaged: bool = False


@dataclass(frozen=True)
class Seen:
    """The cluster as far as a drain is concerned."""

    nodes: tuple[Node, ...]
    pods: tuple[Pod, ...]
    budgets: tuple[Budget, ...] = ()


def blockers(seen: Seen, batches: Sequence[Sequence[str]], accepted: Accepted) -> list[Blocker]:
    """Return everything that would block draining these batches of nodes, one after the other."""
    found: list[Blocker] = []
    for batch in batches:
        pods = [pod for pod in leaving(seen.pods) if pod.node in batch and not pod.finished]
        for pod in pods:
            found += _losses(pod, accepted)
            found += _budgets(pod, seen.budgets)
        found += _together(seen, batch, pods)
    return found


def warnings(seen: Seen, names: Iterable[str]) -> list[str]:
    """Return what a drain interrupts for a moment although nothing blocks it."""
    drained = set(names)
    owned: dict[str, list[Pod]] = {}
    for pod in leaving(seen.pods):
        if pod.owner and not pod.finished and not pod.owner.startswith("Job/"):
            owned.setdefault(f"{pod.namespace} {pod.owner}", []).append(pod)
    return [
        f"{pods[0].key} on {pods[0].node} is the only pod of {pods[0].owner}: "
        "it is away for as long as it takes to start elsewhere"
        for _owner, pods in sorted(owned.items())
        if len(pods) == 1 and pods[0].node in drained
    ]


def _losses(pod: Pod, accepted: Accepted) -> Iterator[Blocker]:
    if not pod.owner and not accepted.unmanaged:
        yield Blocker(
            UNMANAGED,
            pod.node,
            pod.key,
            f"pod {pod.key} on {pod.node} has no controller, so nobody would make it again",
            "delete it or put it under a Deployment, or accept its loss (evict_unmanaged)",
        )
    if pod.empty_dirs and not accepted.empty_dir:
        yield Blocker(
            EMPTY_DIR,
            pod.node,
            pod.key,
            f"pod {pod.key} on {pod.node} would lose what is in its emptyDir {', '.join(pod.empty_dirs)}",
            "move the data to a PersistentVolume, or accept its loss (delete_empty_dir)",
        )


def _budgets(pod: Pod, budgets: Sequence[Budget]) -> Iterator[Blocker]:
    covering = [budget for budget in budgets if budget.covers(pod)]
    if len(covering) > 1:
        names = ", ".join(budget.key for budget in covering)
        yield Blocker(
            SEVERAL_BUDGETS,
            pod.node,
            pod.key,
            f"pod {pod.key} on {pod.node} is covered by more than one PodDisruptionBudget ({names}), "
            "and the Eviction API refuses that",
            "leave one of them",
        )
    elif covering and covering[0].allowed < 1:
        yield _no_disruption(pod, covering[0])


def _no_disruption(pod: Pod, budget: Budget) -> Blocker:
    what = f"PodDisruptionBudget {budget.key} allows no disruption of pod {pod.key} on {pod.node}"
    if budget.desired >= budget.expected:
        return Blocker(
            DEADLOCK,
            pod.node,
            pod.key,
            f"{what}: it wants {budget.desired} of {budget.expected} pods healthy, so it never will",
            "give the workload another replica, or relax the budget meanwhile",
        )
    return Blocker(
        DEADLOCK,
        pod.node,
        pod.key,
        f"{what} now: {budget.healthy} pods are healthy, it wants {budget.desired}",
        "bring the workload's pods back to Ready",
        passing=True,
    )


def _together(seen: Seen, batch: Sequence[str], pods: Sequence[Pod]) -> Iterator[Blocker]:
    """A batch that leaves no node for what it moves can't take more from a budget than it allows at once."""
    if any(node.takes_pods for node in seen.nodes if node.name not in batch):
        return
    for budget in seen.budgets:
        covered = [pod for pod in pods if budget.covers(pod)]
        if 0 < budget.allowed < len(covered):
            yield Blocker(
                BATCH,
                covered[0].node,
                covered[0].key,
                f"PodDisruptionBudget {budget.key} allows {budget.allowed} disruption(s), but draining "
                f"{', '.join(batch)} together moves {len(covered)} of its pods, and no other node takes pods",
                "drain fewer nodes at a time, or add a worker",
            )
