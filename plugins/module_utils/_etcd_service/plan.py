# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one host has to do to be a running, voting member of its etcd cluster (pure).

A new cluster begins with one member, and every other one joins as a learner, so that
making, growing and repairing a cluster are the same steps.
https://etcd.io/docs/v3.6/op-guide/runtime-configuration/
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from .._core.plan import Plan, Refused, Step
from .._etcd import quorum
from .._etcd.content import DIFFERS, UNKNOWN, Content
from .._etcd.model import Member

SET_ASIDE = "set_aside"
REMOVE = "remove"
BOOTSTRAP = "bootstrap"
ANNOUNCE = "announce"
START = "start"
RESTART = "restart"
PROMOTE = "promote"


@dataclass(frozen=True)
class Wanted:
    """This host as a member.

    Attributes:
        name: member name. address: IP address at which peers reach it.
        first: it may begin a new cluster, because no host of the group has one.
        replace: what is left of an earlier member on or of this host may be given up.
    """

    name: str
    address: str
    first: bool = False
    replace: bool = False


@dataclass(frozen=True)
class Observed:
    """What is there.

    Attributes:
        has_data: the data directory holds a member. active: etcd runs.
        stale: why it has to be restarted, empty where it runs with what is on the disk.
        members: the members with their health, as a member with quorum tells them; None
            where nobody could tell.
        silence: what those that were asked said instead.
        lacks: without what etcd cannot be started here, empty where there is everything.
        content: how the member of to_compare() compares with the others.
    """

    has_data: bool
    active: bool
    stale: str = ""
    members: Sequence[Member] | None = None
    silence: str = ""
    lacks: str = ""
    content: Content = field(default_factory=Content)


def to_compare(wanted: Wanted, observed: Observed) -> Member | None:
    """Return the member that works, and is to be replaced where its content is not that of the others."""
    member = quorum.find(observed.members or (), wanted.name, wanted.address)
    compared = wanted.replace and observed.has_data and member and member.works and not member.is_learner
    return member if compared else None


def plan(wanted: Wanted, observed: Observed) -> Plan:
    """The steps, in order, or the refusal."""
    if observed.lacks:
        return _refused(
            "etcd_not_set_up",
            f"{wanted.name} is no finished control plane: there is no {observed.lacks}",
            "finish its join, or empty it and let it join afresh: playbook create_cluster with "
            "kubeops_on_partial=resume or kubeops_on_partial=reset",
        )
    if observed.members is None:
        return _without_cluster(wanted, observed)
    member = quorum.find(observed.members, wanted.name, wanted.address)
    if member is None:
        return _outside(wanted, observed)
    if not observed.has_data and member.name:
        return _lost_data(wanted, observed, member)
    return _inside(wanted, observed, member)


def _without_cluster(wanted: Wanted, observed: Observed) -> Plan:
    """Nobody answers: begin a cluster, wake a member up, or stop."""
    if observed.has_data and not observed.active and not wanted.replace:
        return _plan(wanted, observed, Step(START, wanted.name, "its data is here and etcd does not run"))
    if observed.has_data or not wanted.first:
        return Plan(
            refusals=(
                Refused(
                    "etcd_no_quorum",
                    f"no member of the etcd cluster answers with a quorum: {observed.silence or 'none was found'}",
                    "",
                    "start the members that are down; where their data is lost, run the playbook rescue_etcd",
                ),
            )
        )
    return _plan(wanted, observed, Step(BOOTSTRAP, wanted.name, "no host of the group has a member yet"))


def _outside(wanted: Wanted, observed: Observed) -> Plan:
    """The cluster does not know this host: it joins, unless it has data of another life."""
    steps: list[Step] = []
    if observed.has_data:
        if not wanted.replace:
            return _refused(
                "etcd_foreign_data",
                f"{wanted.name} holds the data of a member that the cluster does not list",
                "set etcd_replace to true for this host; the data is kept aside",
            )
        steps.append(Step(SET_ASIDE, wanted.name, "its data belongs to no member of the cluster"))
    return _join(wanted, observed, steps)


def _lost_data(wanted: Wanted, observed: Observed, member: Member) -> Plan:
    """A member that forgot its votes must not come back under the same id."""
    if not wanted.replace:
        return _refused(
            "etcd_lost_data",
            f"{wanted.name} is a member, but its data directory is empty",
            "attach its disk, or replace the member: playbook rescue_etcd with member=HOST",
        )
    reason = "its data is lost, and a member that forgot its votes may not come back"
    return _join(wanted, observed, _removal(wanted, member, reason))


def _inside(wanted: Wanted, observed: Observed, member: Member) -> Plan:
    if wanted.replace and observed.content.verdict == UNKNOWN:
        return _refused(
            "etcd_content",
            f"{wanted.name} works, and whether its data is right is not known: {observed.content.seen}",
            "bring the others back and to one version first; to replace it all the same, stop etcd on this host before "
            "(kubeadm's with the module static_pods); where no quorum has the same data, run the playbook restore_etcd",
        )
    if wanted.replace and observed.has_data and (not member.works or observed.content.verdict == DIFFERS):
        reason = "its data is not that of the others" if member.works else "the member does not work with its data"
        return _join(wanted, observed, [*_removal(wanted, member, reason), Step(SET_ASIDE, wanted.name, reason)])
    steps = []
    if not observed.active:
        steps.append(Step(START, wanted.name, "etcd does not run"))
    elif observed.stale:
        reason = quorum.why_not_stop(observed.members or (), member.name) if _others(observed, member) else ""
        if reason:
            return _refused(
                "etcd_quorum", f"{wanted.name} cannot be restarted: {reason}", "bring the others back first"
            )
        steps.append(Step(RESTART, wanted.name, observed.stale))
    if member.is_learner or not member.name:
        steps.append(Step(PROMOTE, wanted.name, "it is a learner"))
    return _plan(wanted, observed, *steps)


def _removal(wanted: Wanted, member: Member, reason: str) -> list[Step]:
    return [Step(REMOVE, wanted.name, reason, {"id": member.id})]


def _join(wanted: Wanted, observed: Observed, steps: Sequence[Step]) -> Plan:
    members = tuple(observed.members or ())
    gone = {step.data["id"] for step in steps if step.action == REMOVE}
    for member_id in gone:
        reason = quorum.why_not_remove(members, member_id)
        if reason:
            return _refused(
                "etcd_quorum", f"{wanted.name} cannot be replaced: {reason}", "run the playbook rescue_etcd"
            )
    left = tuple(member for member in members if member.id not in gone)
    reason = quorum.why_not_add(left)
    if reason:
        return _no_quorum(wanted, "join", reason, "bring the others back first")
    return _plan(
        wanted,
        observed,
        *steps,
        Step(ANNOUNCE, wanted.name, f"the cluster of {len(left)} does not list it"),
        Step(START, wanted.name, "it joins as a learner"),
        Step(PROMOTE, wanted.name, "a learner has no vote"),
    )


def _others(observed: Observed, member: Member) -> bool:
    """A cluster of one has nobody who could go on meanwhile, and restarts all the same."""
    return any(other.id != member.id and not other.is_learner for other in observed.members or ())


def _no_quorum(wanted: Wanted, what: str, reason: str, fix: str) -> Plan:
    return _refused("etcd_quorum", f"{wanted.name} cannot {what}: {reason}", fix)


def _refused(rule: str, evidence: str, fix: str) -> Plan:
    return Plan(refusals=(Refused(rule, evidence, "", fix),))


def _plan(wanted: Wanted, observed: Observed, *steps: Step) -> Plan:
    names = sorted(member.name or member.id for member in observed.members or ())
    after = sorted({*names, wanted.name}) if steps else names
    return Plan(
        steps=tuple(steps),
        before={"members": names, wanted.name: _state(observed)},
        after={"members": after, wanted.name: "runs" if steps else _state(observed)},
    )


def _state(observed: Observed) -> str:
    if observed.active:
        return f"runs, {observed.stale}" if observed.stale else "runs"
    return "does not run" if observed.has_data else "absent"
