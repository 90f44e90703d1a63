# SPDX-License-Identifier: GPL-3.0-or-later
"""What may be changed about members, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.kubeops.cluster.plugins.module_utils._etcd import members
from ansible_collections.kubeops.cluster.plugins.module_utils._etcd.choice import Status
from ansible_collections.kubeops.cluster.plugins.module_utils._etcd.members import Observed, Wanted
from ansible_collections.kubeops.cluster.plugins.module_utils._etcd.model import Member


def cluster(
    size: int = 3, down: tuple[int, ...] = (), learner: int = 0, leader: int = 1, free: dict[int, int] | None = None
) -> Observed:
    """Members m1 to m<size>, a learner behind them, the databases 100 bytes each with so many free."""
    listed = [Member(str(n), f"m{n}", (f"https://192.0.2.{n}:2380",), (f"https://192.0.2.{n}:2379",))
              for n in range(1, size + 1)]  # fmt: skip
    if learner:
        listed.append(Member("9", "", ("https://192.0.2.9:2380",), (), is_learner=True))
    statuses = [
        Status(member, leader=str(leader), db_size=100, db_size_in_use=100 - (free or {}).get(int(member.id), 0))
        for member in listed
        if int(member.id) not in down
    ]
    return Observed(tuple(listed), tuple(statuses), (("2", "NOSPACE"), ("3", "CORRUPT")))


CHANGES: dict[str, tuple[dict[str, Any], Observed, list[tuple[str, str]]]] = {
    "only look": ({"state": "listed"}, cluster(), []),
    "announce": ({"state": "learner", "peer_urls": ("https://192.0.2.4:2380",)}, cluster(), [("announce", "https://192.0.2.4:2380")]),
    "announced before": ({"state": "learner", "peer_urls": ("https://192.0.2.9:2380",)}, cluster(learner=1), []),
    "a voter already": ({"state": "learner", "peer_urls": ("https://192.0.2.3:2380",)}, cluster(), []),
    "promote": ({"state": "voter", "peer_urls": ("https://192.0.2.9:2380",)}, cluster(learner=1), [("promote", "9")]),
    "promoted before": ({"state": "voter", "name": "m2"}, cluster(), []),
    "remove a dead one": ({"state": "absent", "name": "m3"}, cluster(down=(3,)), [("remove", "m3")]),
    "remove a learner without quorum to spare": (
        {"state": "absent", "name": "9"}, cluster(learner=1, down=(3,)), [("remove", "9")]),
    "removed before": ({"state": "absent", "name": "m7"}, cluster(), []),
    "lead": ({"state": "leader", "name": "m2"}, cluster(), [("move_leader", "m2")]),
    "leads": ({"state": "leader", "name": "1"}, cluster(), []),
    "defragment, leader last": ({"state": "defragmented"}, cluster(leader=1, free={1: 50, 2: 30, 3: 25}),
                                [("defragment", "m2"), ("defragment", "m3"), ("defragment", "m1")]),
    "defragment what is worth it": ({"state": "defragmented"}, cluster(free={1: 19, 3: 60}), [("defragment", "m3")]),
    "defragment one": ({"state": "defragmented", "name": "m2", "free_share": 0.0}, cluster(), [("defragment", "m2")]),
    "disarm all": ({"state": "disarmed"}, cluster(), [("disarm", "m2"), ("disarm", "m3")]),
    "disarm one": ({"state": "disarmed", "name": "m3"}, cluster(), [("disarm", "m3")]),
}  # fmt: skip


@pytest.mark.parametrize(("options", "seen", "steps"), CHANGES.values(), ids=CHANGES)
def test_steps(options: dict[str, Any], seen: Observed, steps: list[tuple[str, str]]) -> None:
    decided = members.plan(Wanted(**options), seen)
    assert not decided.refusals
    assert [(step.action, step.target) for step in decided.steps] == steps


REFUSALS: dict[str, tuple[dict[str, Any], Observed, str, str]] = {
    "add without quorum": (
        {"state": "learner", "peer_urls": ("https://192.0.2.4:2380",)}, cluster(down=(2, 3)), "quorum", "m2, m3"),
    "a second learner": (
        {"state": "learner", "peer_urls": ("https://192.0.2.4:2380",)}, cluster(learner=1), "quorum", "one learner"),
    "remove a healthy one beside a dead one": (
        {"state": "absent", "name": "m1"}, cluster(down=(3,)), "quorum", "1 of the remaining 2"),
    "remove the last": ({"state": "absent", "name": "m1"}, cluster(1), "quorum", "only voting member"),
    "remove nobody": ({"state": "absent"}, cluster(), "unnamed_member", "neither name nor peer_urls"),
    "a share in percent": ({"state": "defragmented", "free_share": 20.0}, cluster(), "free_share", "free_share is 20"),
    "a share below nothing": ({"state": "defragmented", "free_share": -0.2}, cluster(), "free_share", "is -0.2"),
    "promote a stranger": ({"state": "voter", "name": "x"}, cluster(), "unknown_member", "m1, m2, m3"),
    "a dead leader": ({"state": "leader", "name": "m3"}, cluster(down=(3,)), "leader", "not healthy"),
    "a leader without a vote": ({"state": "leader", "name": "9"}, cluster(learner=1), "leader", "no vote"),
    "nobody leads": ({"state": "leader", "name": "m1"}, cluster(leader=0), "quorum", "no member leads"),
    "defragment beside a dead one": ({"state": "defragmented"}, cluster(down=(3,), free={1: 90}), "quorum", "m3"),
    "defragment a stranger": ({"state": "defragmented", "name": "x"}, cluster(), "unknown_member", "m1"),
    "disarm a stranger": ({"state": "disarmed", "name": "x"}, cluster(), "unknown_member", "m1"),
}  # fmt: skip


@pytest.mark.parametrize(("options", "seen", "rule", "evidence"), REFUSALS.values(), ids=REFUSALS)
def test_refusals(options: dict[str, Any], seen: Observed, rule: str, evidence: str) -> None:
    decided = members.plan(Wanted(**options), seen)
    assert not decided.steps
    (refused,) = decided.refusals
    assert refused.rule == rule
    assert evidence in refused.evidence


def test_full_members_are_replaced_and_joined_by_others() -> None:
    """With the quota reached by all, the disk of m3 died."""
    seen = cluster(down=(3,))
    full = tuple(f"memberID:{number} alarm:NOSPACE " for number in (1, 2, 3))
    seen = replace(seen, statuses=tuple(replace(status, errors=full) for status in seen.statuses))
    assert members.arithmetic(seen) == {"voters": 3, "healthy": 0, "needed": 2, "may_be_lost": 0}
    for wanted in (
        Wanted("absent", "m3"),
        Wanted("learner", peer_urls=("https://192.0.2.4:2380",)),
        Wanted("leader", "m2"),
    ):
        decided = members.plan(wanted, seen)
        assert decided.changed and not decided.refusals


def test_arithmetic() -> None:
    assert members.arithmetic(cluster(5, down=(4,), learner=1)) == {
        "voters": 5, "healthy": 4, "needed": 3, "may_be_lost": 1,
    }  # fmt: skip
