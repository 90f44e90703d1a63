# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What may be changed about the members of a cluster, and in which order (pure)."""

from __future__ import annotations

from dataclasses import dataclass, replace

from .._core.plan import Plan, Refused, Step
from .choice import Status, followers, with_health
from .model import Member
from .quorum import quorum, why_not_add, why_not_remove

LISTED, LEARNER, VOTER, ABSENT, LEADER = "listed", "learner", "voter", "absent", "leader"
DEFRAGMENTED, DISARMED = "defragmented", "disarmed"
STATES = (LISTED, LEARNER, VOTER, ABSENT, LEADER, DEFRAGMENTED, DISARMED)
ANNOUNCE, PROMOTE, REMOVE, MOVE_LEADER, DEFRAGMENT, DISARM = (
    "announce", "promote", "remove", "move_leader", "defragment", "disarm",
)  # fmt: skip


@dataclass(frozen=True)
class Wanted:
    """What the options of the module ask for; see there."""

    state: str
    name: str = ""
    peer_urls: tuple[str, ...] = ()
    free_share: float = 0.2


@dataclass(frozen=True)
class Observed:
    """The cluster, now. statuses are those of the members that answered; alarms are pairs of member id and name,
    None where no quorum told them.
    """

    members: tuple[Member, ...]
    statuses: tuple[Status, ...] = ()
    alarms: tuple[tuple[str, str], ...] | None = ()

    def with_health(self) -> list[Member]:
        """The members, each with whether it answered without errors, as one of them."""
        return with_health(self.members, self.statuses)

    def status(self, member: Member) -> Status | None:
        """What a member said."""
        return next((status for status in self.statuses if status.member.id == member.id), None)

    def find(self, wanted: Wanted) -> Member | None:
        """The member that is meant, by name, id or peer URL."""
        for member in self.members:
            if wanted.name and wanted.name in (member.name, member.id):
                return member
            if set(wanted.peer_urls) & set(member.peer_urls):
                return member
        return None


def plan(wanted: Wanted, seen: Observed) -> Plan:
    """Return the steps to the state asked for, or the refusal."""
    if not 0 <= wanted.free_share <= 1:
        evidence = f"free_share is {wanted.free_share:g}, and is a part of 1"
        return _refused("free_share", evidence, "free_share", "give a number from 0 to 1, as 0.2 for 20 %")
    if wanted.state == ABSENT and not (wanted.name or wanted.peer_urls):
        return _refused("unnamed_member", "neither name nor peer_urls is given", "name", "name the member to remove")
    return {
        LISTED: lambda *_: Plan(),
        LEARNER: _learner,
        VOTER: _voter,
        ABSENT: _absent,
        LEADER: _leader,
        DEFRAGMENTED: _defragmented,
        DISARMED: _disarmed,
    }[wanted.state](wanted, seen)


def arithmetic(seen: Observed) -> dict[str, int]:
    """Return the quorum in numbers."""
    voters = [member for member in seen.with_health() if not member.is_learner]
    healthy = sum(bool(member.healthy) for member in voters)
    needed = quorum(len(voters))
    working = sum(member.works for member in voters)
    return {"voters": len(voters), "healthy": healthy, "needed": needed, "may_be_lost": max(0, working - needed)}


def silent(seen: Observed) -> list[str]:
    """Return the voters that do not answer or follow no leader. One with an alarm may well be defragmented."""
    following = {status.member.id for status in followers(seen.members, seen.statuses)}
    return [label(member) for member in seen.members if not member.is_learner and member.id not in following]


def label(member: Member) -> str:
    """How people call a member; one that never started has no name yet."""
    return member.name or member.id


def _learner(wanted: Wanted, seen: Observed) -> Plan:
    if seen.find(replace(wanted, name="")):
        return Plan()
    reason = why_not_add(seen.with_health())
    if reason:
        return _refused("quorum", reason, "state", "mend the cluster first, or promote or remove the learner")
    urls = ", ".join(wanted.peer_urls)
    return _steps(Step(ANNOUNCE, urls, "no member has these peer URLs", {"peer_urls": wanted.peer_urls}))


def _voter(wanted: Wanted, seen: Observed) -> Plan:
    member = seen.find(wanted)
    if member is None:
        return _unknown(wanted, seen)
    if not member.is_learner:
        return Plan()
    return _steps(Step(PROMOTE, label(member), "it is a learner", {"id": member.id}))


def _absent(wanted: Wanted, seen: Observed) -> Plan:
    member = seen.find(wanted)
    if member is None:
        return Plan()
    reason = "" if member.is_learner else why_not_remove(seen.with_health(), member.id)
    if reason:
        return _refused("quorum", reason, "name", "bring other members back first")
    return _steps(Step(REMOVE, label(member), "the cluster lists it", {"id": member.id}))


def _leader(wanted: Wanted, seen: Observed) -> Plan:
    member = seen.find(wanted)
    if member is None:
        return _unknown(wanted, seen)
    status = seen.status(member)
    if status is not None and status.is_leader:
        return Plan()
    if member.is_learner or status is None or not status.works:
        why = "has no vote" if member.is_learner else "is not healthy"
        return _refused("leader", f"{label(member)} {why}", "name", "name a healthy voter")
    leads = next((label(other.member) for other in seen.statuses if other.is_leader), "")
    if not leads:
        return _refused("quorum", "no member leads", "state", "bring a quorum of the members back first")
    return _steps(Step(MOVE_LEADER, label(member), f"{leads} leads", {"id": member.id}))


def _defragmented(wanted: Wanted, seen: Observed) -> Plan:
    if wanted.name and seen.find(wanted) is None:
        return _unknown(wanted, seen)
    due = [
        status for status in seen.statuses if _is_meant(wanted, status.member) and _free(status) >= wanted.free_share
    ]
    if not due:
        return Plan()
    away = silent(seen)
    if away:
        evidence = f"a member that is defragmented does not answer, and {', '.join(away)} does not either"
        return _refused("quorum", evidence, "state", "bring all voters back first")
    # The leader last: it can stall, and by then the others are done.
    ordered = sorted(due, key=lambda status: (status.is_leader, label(status.member)))
    return _steps(*(_defragment(status) for status in ordered))


def _defragment(status: Status) -> Step:
    reason = f"{round(100 * _free(status))} % of {status.db_size} bytes are free"
    return Step(DEFRAGMENT, label(status.member), reason, {"id": status.member.id})


def _disarmed(wanted: Wanted, seen: Observed) -> Plan:
    member = seen.find(wanted)
    if wanted.name and member is None:
        return _unknown(wanted, seen)
    names = {each.id: label(each) for each in seen.members}
    due = [(owner, alarm) for owner, alarm in seen.alarms or () if member is None or owner == member.id]
    return _steps(
        *(
            Step(DISARM, names.get(owner, owner), f"it has the alarm {alarm}", {"id": owner, "alarm": alarm})
            for owner, alarm in due
        )
    )


def _is_meant(wanted: Wanted, member: Member) -> bool:
    return not wanted.name or wanted.name in (member.name, member.id)


def _free(status: Status) -> float:
    return 1 - status.db_size_in_use / status.db_size if status.db_size else 0.0


def _unknown(wanted: Wanted, seen: Observed) -> Plan:
    given = wanted.name or ", ".join(wanted.peer_urls)
    known = ", ".join(label(member) for member in seen.members)
    return _refused("unknown_member", f"no member {given}; there are {known}", "name", "name one of them")


def _refused(rule: str, evidence: str, variable: str, fix: str) -> Plan:
    return Plan(refusals=(Refused(rule, evidence, variable, fix),))


def _steps(*steps: Step) -> Plan:
    lines = "".join(f"{step.action} {step.target}: {step.reason}\n" for step in steps)
    return Plan(steps=steps, before="", after=lines)
