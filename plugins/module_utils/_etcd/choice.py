# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From which member to take a snapshot, and why (pure)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from .._core.errors import Refusal
from . import alarms
from .model import Member
from .quorum import quorum, voter_count


@dataclass(frozen=True)
class Status:
    """A member's own answer to a status request.

    Attributes:
        leader: id of the member it takes for the leader, empty when it knows of none.
        raft_index: last raft entry it applied.
        errors: as it told them, the alarms of all members among them.
    """

    member: Member
    cluster_id: str = ""
    version: str = ""
    leader: str = ""
    revision: int = 0
    raft_index: int = 0
    db_size: int = 0
    db_size_in_use: int = 0
    errors: tuple[str, ...] = ()

    @property
    def is_leader(self) -> bool:
        """Whether it leads."""
        return bool(self.leader) and self.leader == self.member.id

    @property
    def own_errors(self) -> tuple[str, ...]:
        """What is wrong with it, which the alarm of another member is not."""
        return alarms.own(self.errors, self.member.id)

    @property
    def works(self) -> bool:
        """Whether nothing is wrong with it but a full database."""
        return not alarms.hindering(self.errors, self.member.id)


@dataclass(frozen=True)
class Choice:
    """The member to ask, the reason, and whether the cluster of so many voters has lost its quorum.

    leader: name of the member that leads, empty without a quorum.
    """

    status: Status
    reason: str
    quorum_lost: bool
    voters: int = 1
    leader: str = ""


def is_of(member: Member, answer: Mapping[str, Any]) -> bool:
    """Tell whether that member answered, and no other one where it used to be.

    One that was started on an empty disk may be the first of another cluster, under an id of its own.
    """
    return str(answer.get("header", {}).get("member_id", "")) == member.id


def status_from_json(member: Member, answer: Mapping[str, Any]) -> Status:
    """Build a status from /v3/maintenance/status, which gives numbers of 64 bits as strings and leaves out zeros."""
    header = answer.get("header", {})
    leader = str(answer.get("leader", "0"))
    return Status(
        member=member,
        cluster_id=str(header.get("cluster_id", "")),
        version=str(answer.get("version", "")),
        leader="" if leader == "0" else leader,
        revision=int(header.get("revision", 0)),
        raft_index=int(answer.get("raftAppliedIndex", answer.get("raftIndex", 0))),
        db_size=int(answer.get("dbSize", 0)),
        db_size_in_use=int(answer.get("dbSizeInUse", 0)),
        errors=tuple(str(error) for error in answer.get("errors", ())),
    )


def choose(members: Sequence[Member], statuses: Sequence[Status], wanted: str = "") -> Choice:
    """Choose a member: the one wanted (name or id), else the healthiest follower.

    statuses are those of the members that answered. Without quorum the member with the highest raft index is
    chosen, because it holds every write that was acknowledged and survives. Raises Refusal when there is none.
    """
    agreed, count = followers(members, statuses), voter_count(members)
    lost = not agreed
    leader = next((member.name for member in members if agreed and member.id == agreed[0].leader), "")
    if wanted:
        return Choice(_wanted(members, agreed or statuses, wanted), "asked for by name", lost, count, leader)
    voters = [status for status in agreed or statuses if not status.member.is_learner]
    if not voters:
        raise Refusal(
            "no etcd member answered",
            seen=f"members: {', '.join(member.name or member.id for member in members)}",
            fix="bring one member back, or restore from an earlier snapshot",
            rule="no_etcd_member",
        )
    best = max(voters, key=lambda status: (status.raft_index, status.member.name))
    if lost:
        return Choice(best, f"quorum is lost and {best.raft_index} is the highest raft index", lost, count)
    fit = [status for status in voters if not status.is_leader and not status.own_errors]
    if not fit:
        return Choice(best, "no healthy follower answered", lost, count, leader)
    follower = max(fit, key=lambda status: (status.raft_index, status.member.name))
    return Choice(follower, "the healthy follower with the highest raft index", lost, count, leader)


def followers(members: Sequence[Member], statuses: Sequence[Status]) -> list[Status]:
    """Return the answers of all that name the leader whom a quorum of the voters names; none where no quorum does.

    A member that was started on an empty disk may lead a cluster of its own, kubeadm's first one even under its old id.
    """
    named = Counter((s.cluster_id, s.leader) for s in statuses if s.leader and not s.member.is_learner)
    for leader, count in named.most_common(1):
        if count >= quorum(voter_count(members)):
            return [status for status in statuses if (status.cluster_id, status.leader) == leader]
    return []


def with_health(members: Sequence[Member], statuses: Sequence[Status]) -> list[Member]:
    """Return the members, each with whether it follows the leader of a quorum, and has no errors or is full."""
    following = followers(members, statuses)
    healthy = {status.member.id for status in following if not status.own_errors}
    full = {status.member.id for status in following if status.works} - healthy
    return [replace(member, healthy=member.id in healthy, full=member.id in full) for member in members]


def _wanted(members: Sequence[Member], statuses: Sequence[Status], wanted: str) -> Status:
    for status in statuses:
        if wanted in (status.member.name, status.member.id):
            return status
    known = ", ".join(member.name or member.id for member in members)
    raise Refusal(
        f"etcd member {wanted} did not answer", seen=f"members: {known}", fix="name another one in member, or none",
        rule="no_etcd_member",
    )  # fmt: skip
