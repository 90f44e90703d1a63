# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Observes the members of a cluster and carries out what members.plan decided."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Callable

from .._core import clock
from .._core.errors import KubeopsError
from .._core.plan import Step
from . import members
from .gateway import Gateway, first_answer
from .members import Observed, Wanted

POLL_SECONDS = 0.5


def run(wanted: Wanted, gateways: Sequence[Gateway], timeout: float, *, act: bool) -> dict[str, Any]:
    """Observe, plan, refuse or act, observe again; returns the module's result. timeout: seconds for each step."""
    seen = observe(gateways)
    decided = members.plan(wanted, seen)
    for refused in decided.refusals:
        raise refused.as_error()
    if act and decided.changed:
        for step in decided.steps:
            _Change(gateways, step, timeout).carry_out()
        seen = observe(gateways)
    return {
        **decided.as_result(),
        "members": [_described(seen, member) for member in sorted(seen.with_health(), key=members.label)],
        "alarms": [{"member": _name(seen, owner), "alarm": alarm} for owner, alarm in seen.alarms or ()],
        "warnings": [] if seen.alarms is not None else ["without a quorum etcd tells no alarms"],
        "quorum": members.arithmetic(seen),
    }


def observe(gateways: Sequence[Gateway]) -> Observed:
    """Ask the first endpoint that answers, and every member it names."""
    gateway, listed = first_answer(gateways)
    return Observed(tuple(listed), tuple(gateway.statuses(listed)), _alarms(gateway))


def _alarms(gateway: Gateway) -> tuple[tuple[str, str], ...] | None:
    try:
        return tuple(gateway.alarms())
    except KubeopsError:
        return None  # they are told by a quorum


@dataclass
class _Change:
    """One step, until it shows."""

    gateways: Sequence[Gateway]
    step: Step
    timeout: float
    last_error: str = ""

    def carry_out(self) -> None:
        """Do it, and wait for it."""
        target = self.step.data.get("id", "")
        {
            members.ANNOUNCE: lambda: self._ask(lambda gateway: gateway.add_learner(self.step.data["peer_urls"])),
            members.PROMOTE: lambda: self._ask(lambda gateway: gateway.promote(target)),
            members.REMOVE: lambda: self._ask(lambda gateway: gateway.remove(target)),
            members.MOVE_LEADER: lambda: self._move_leader(target),
            members.DEFRAGMENT: lambda: self._defragment(target),
            members.DISARM: lambda: self._ask(lambda gateway: gateway.disarm(target, self.step.data["alarm"])),
        }[self.step.action]()

    def _ask(self, call: Callable[[Gateway], object]) -> None:
        """Until etcd agrees: a learner has to catch up, and the cluster to settle after a change before this one."""

        def agreed() -> bool:
            gateway, __ = first_answer(self.gateways)
            try:
                call(gateway)
            except KubeopsError as error:
                self.last_error = error.seen or error.what
                return False
            return True

        self._wait(agreed)

    def _move_leader(self, target: str) -> None:
        seen = observe(self.gateways)
        leader = next(status.member for status in seen.statuses if status.is_leader)
        self.gateways[0].of(leader).move_leader(target)
        self._wait(lambda: any(s.is_leader and s.member.id == target for s in observe(self.gateways).statuses))

    def _defragment(self, target: str) -> None:
        """Every voter has to answer before and after, so that never two are away."""
        self._wait(self._all_answer)
        seen = observe(self.gateways)
        member = next(member for member in seen.members if member.id == target)
        self.gateways[0].of(member).defragment()
        self._wait(self._all_answer)

    def _all_answer(self) -> bool:
        return not members.silent(observe(self.gateways))

    def _wait(self, done: Callable[[], bool]) -> None:
        deadline = clock.monotonic() + self.timeout
        while not done():
            if clock.monotonic() > deadline:
                raise KubeopsError(
                    f"{self.step.action} {self.step.target} did not show within {self.timeout:g} s",
                    seen=self.last_error or str(members.arithmetic(observe(self.gateways))),
                    fix="look at the log of that member, then run again",
                )
            time.sleep(POLL_SECONDS)


def _described(seen: Observed, member: Any) -> dict[str, Any]:
    status = seen.status(member)
    told = {
        "is_leader": bool(status and status.is_leader),
        "version": status.version if status else "",
        "revision": status.revision if status else 0,
        "raft_index": status.raft_index if status else 0,
        "db_size": status.db_size if status else 0,
        "db_size_in_use": status.db_size_in_use if status else 0,
        "errors": list(status.own_errors) if status else ["it did not answer"],
    }
    return {**member.as_dict(), **told}


def _name(seen: Observed, member_id: str) -> str:
    return next((members.label(member) for member in seen.members if member.id == member_id), member_id)
