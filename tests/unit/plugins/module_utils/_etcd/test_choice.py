# SPDX-License-Identifier: GPL-3.0-or-later
"""From which member a snapshot is taken."""

from __future__ import annotations

import pytest
from ansible_collections.kubeops.cluster.plugins.module_utils._core.errors import Refusal
from ansible_collections.kubeops.cluster.plugins.module_utils._etcd.choice import (
    Status,
    choose,
    followers,
    is_of,
    status_from_json,
    with_health,
)
from ansible_collections.kubeops.cluster.plugins.module_utils._etcd.model import Member

A, B, C = (Member(number, name, (), ("https://x",)) for number, name in (("1", "a"), ("2", "b"), ("3", "c")))
LEARNER = Member("4", "l", (), ("https://x",), is_learner=True)
MEMBERS = [A, B, C]


def status(
    member: Member, index: int = 10, leader: str = "1", errors: tuple[str, ...] = (), cluster_id: str = "9"
) -> Status:
    """What a member may answer."""
    return Status(member, cluster_id, leader=leader, raft_index=index, errors=errors)


@pytest.mark.parametrize(
    ("statuses", "wanted", "name", "reason", "lost"),
    [
        ([status(A, 12), status(B), status(C, 11)], "", "c", "healthy follower", False),
        ([status(A, 12), status(B), status(C, 11, errors=("NOSPACE",))], "", "b", "healthy follower", False),
        ([status(A), status(B, errors=("NOSPACE",))], "", "b", "no healthy follower", False),
        # Every member tells the alarm of the leader.
        ([status(each, 11, errors=("memberID:1 alarm:NOSPACE ",)) for each in MEMBERS], "", "c", "healthy fol", False),
        ([status(each, 11, errors=("memberID:3 alarm:NOSPACE ",)) for each in MEMBERS], "", "b", "healthy fol", False),
        ([status(A), status(B), status(LEARNER, 99)], "", "b", "healthy follower", False),
        ([status(A), status(B), status(C)], "a", "a", "by name", False),
        ([status(A), status(B), status(C)], "1", "a", "by name", False),
        ([status(B, 9, ""), status(C, 10, "")], "", "c", "quorum is lost", True),
        ([status(B, 9, "1")], "", "b", "quorum is lost", True),
        # Started on an empty disk: each leads a cluster of its own.
        ([status(A, 4, "1"), status(B, 10, ""), status(C, 4, "3")], "", "b", "quorum is lost", True),
        ([status(A, 4, "1"), status(B, 10, "2"), status(C, 11, "2")], "", "c", "healthy follower", False),
        ([status(A, 4, "3", (), "8"), status(B, 10, "3"), status(C, 11, "3")], "", "b", "healthy follower", False),
    ],
)
def test_choice(statuses: list[Status], wanted: str, name: str, reason: str, lost: bool) -> None:
    chosen = choose([*MEMBERS, LEARNER], statuses, wanted)
    assert (chosen.status.member.name, chosen.quorum_lost) == (name, lost)
    assert reason in chosen.reason


@pytest.mark.parametrize(
    ("statuses", "leader"),
    [
        ([status(A), status(B)], "a"),
        # It does not answer itself.
        ([status(A, leader="3"), status(B, leader="3")], "c"),
        ([status(A, leader="1"), status(B, leader="2"), status(C, leader="2")], "b"),
        ([status(A)], ""),
    ],
)
def test_who_leads(statuses: list[Status], leader: str) -> None:
    assert choose(MEMBERS, statuses).leader == leader


@pytest.mark.parametrize(
    ("statuses", "following", "healthy"),
    [
        ([status(A), status(B), status(C)], "abc", "abc"),
        ([status(A), status(B, errors=("NOSPACE",)), status(LEARNER)], "abl", "al"),
        ([status(A, leader="1"), status(B, leader="2"), status(C, leader="2")], "bc", "bc"),
        ([status(A), status(B), status(C, cluster_id="8")], "ab", "ab"),
        ([status(A), status(LEARNER)], "", ""),
        ([status(A, leader=""), status(B, leader=""), status(C, leader="")], "", ""),
    ],
)
def test_whoever_follows_another_leader_is_not_healthy(statuses: list[Status], following: str, healthy: str) -> None:
    members = [*MEMBERS, LEARNER]
    assert "".join(each.member.name for each in followers(members, statuses)) == following
    assert "".join(member.name for member in with_health(members, statuses) if member.healthy) == healthy


@pytest.mark.parametrize(
    ("errors", "healthy", "works"),
    [
        ((), True, True),
        (("memberID:2 alarm:NOSPACE ",), False, True),
        (("memberID:1 alarm:NOSPACE ", "memberID:2 alarm:NOSPACE ", "memberID:3 alarm:NOSPACE "), False, True),
        (("memberID:2 alarm:NOSPACE ", "memberID:2 alarm:CORRUPT "), False, False),
        (("memberID:2 alarm:NOSPACE ", "etcdserver: no leader"), False, False),
        (("alarm:CORRUPT ",), False, False),
        (("memberID:3 alarm:CORRUPT ",), True, True),
    ],
)
def test_a_member_that_is_full_votes(errors: tuple[str, ...], healthy: bool, works: bool) -> None:
    found = with_health(MEMBERS, [status(A), status(B, errors=errors)])[1]
    assert (found.healthy, found.works, found.as_dict()["works"]) == (healthy, works, works)
    assert not with_health(MEMBERS, [status(B, errors=errors)])[1].works, "it follows nobody"


@pytest.mark.parametrize(("told", "its"), [({"member_id": "1"}, True), ({"member_id": "7"}, False), ({}, False)])
def test_who_answered(told: dict[str, str], its: bool) -> None:
    assert is_of(A, {"header": told}) == its


@pytest.mark.parametrize(
    ("statuses", "wanted"),
    [
        ([], ""),
        ([status(A)], "b"),
        ([status(LEARNER)], ""),
        ([status(A, leader="1"), status(B, leader="2"), status(C, leader="2")], "a"),
    ],
)
def test_nobody_to_ask(statuses: list[Status], wanted: str) -> None:
    with pytest.raises(Refusal):
        choose([*MEMBERS, LEARNER], statuses, wanted)


def test_numbers_of_64_bits_and_what_is_left_out() -> None:
    answer = {
        "header": {"cluster_id": "6012025715201963436", "revision": "7"},
        "version": "3.6.8",
        "leader": "1",
        "raftAppliedIndex": "12",
    }
    read = status_from_json(A, answer)
    assert (read.cluster_id, read.revision, read.raft_index) == ("6012025715201963436", 7, 12)
    assert read.is_leader
    assert not status_from_json(A, {}).leader
