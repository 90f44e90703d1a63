# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Quorum arithmetic (pure): every disruptive step on a control plane asks here first.

What counts is whether members vote. Those that are full do, and have to be restarted, replaced or joined to be mended.

https://etcd.io/docs/v3.6/faq/#what-is-failure-tolerance
"""

from __future__ import annotations

from collections.abc import Sequence

from .model import Member

# The fewest voters of which one may be away.
SPARE = 3


def quorum(voters: int) -> int:
    """Return how many voting members must agree."""
    return voters // 2 + 1


def outnumbered(members: Sequence[Member], known: int) -> bool:
    """Tell whether the voters of a member list cannot be those of a cluster of so many voters, even if some left it.

    Such is the list of a member that was started on an empty disk, and is the first of a cluster of its own.
    """
    return len(_voters(members)) < quorum(known)


def voter_count(members: Sequence[Member]) -> int:
    """Return how many members have a vote."""
    return len(_voters(members))


def why_not_add(members: Sequence[Member]) -> str:
    """Return why no member may be added now, empty when one may."""
    voters = _voters(members)
    down = [_label(member) for member in voters if not member.works]
    if len(voters) - len(down) < quorum(len(voters)):
        return f"etcd has no quorum: {len(voters)} voters, not healthy: {', '.join(down)}"
    learners = [_label(member) for member in members if member.is_learner]
    if learners:
        return f"etcd takes one learner at a time and has {', '.join(learners)}"
    return ""


def why_not_remove(members: Sequence[Member], member_id: str) -> str:
    """Return why this member may not be removed now, empty when it may.

    The removal itself needs a quorum of the members as they are, and those that
    remain must have a quorum among themselves.
    """
    voters = _voters(members)
    working = [member for member in voters if member.works]
    if len(working) < quorum(len(voters)):
        return f"etcd has no quorum: {len(working)} of {len(voters)} voters are healthy"
    remaining = [member for member in voters if member.id != member_id]
    working_after = [member for member in remaining if member.works]
    if not remaining:
        return "it is the only voting member"
    if len(working_after) < quorum(len(remaining)):
        return (
            f"only {len(working_after)} of the remaining {len(remaining)} voters are healthy, "
            f"{quorum(len(remaining))} are needed"
        )
    return ""


def why_not_stop(members: Sequence[Member], name: str) -> str:
    """Return why this member may not be away for a while, empty when it may.

    The others have to have a quorum meanwhile. One or two voters have none to spare: there it is enough
    that all are well.
    """
    voters = _voters(members)
    down = [_label(member) for member in voters if not member.works]
    others = [member for member in voters if member.works and member.name != name]
    if len(others) >= quorum(len(voters)) or (len(voters) < SPARE and not down):
        return ""
    return (
        f"without {name} only {len(others)} of {len(voters)} voters are healthy, {quorum(len(voters))} are needed"
        + (f"; not healthy: {', '.join(down)}" if down else "")
    )


def find(members: Sequence[Member], name: str, address: str) -> Member | None:
    """Return the member of a node: by name, or by peer address while it has no name yet."""
    host = f"[{address}]" if ":" in address else address
    peer = f"//{host}:"
    for member in members:
        if member.name == name or any(peer in url for url in member.peer_urls):
            return member
    return None


def _voters(members: Sequence[Member]) -> list[Member]:
    return [member for member in members if not member.is_learner]


def _label(member: Member) -> str:
    return member.name or f"{member.id} (never started)"
