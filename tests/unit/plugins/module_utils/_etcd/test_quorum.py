# SPDX-License-Identifier: GPL-3.0-or-later
"""Quorum arithmetic over member lists."""

from __future__ import annotations

import pytest
from ansible_collections.kubeops.cluster.plugins.module_utils._etcd import quorum
from ansible_collections.kubeops.cluster.plugins.module_utils._etcd.model import Member, member_from_json


def members(*kinds: str) -> list[Member]:
    """u is up, f is up and full, d is down, L is a learner that is down."""
    return [
        Member(
            str(number),
            f"cp{number}" if kind != "L" else "",
            (f"https://192.0.2.{number}:2380",),
            (),
            kind == "L",
            kind == "u",
            kind == "f",
        )
        for number, kind in enumerate(kinds, start=1)
    ]


@pytest.mark.parametrize(("voters", "expected"), [(1, 1), (2, 2), (3, 2), (4, 3), (5, 3)])
def test_quorum(voters: int, expected: int) -> None:
    assert quorum.quorum(voters) == expected


@pytest.mark.parametrize(
    ("kinds", "allowed"),
    [
        ("u", True),
        ("uu", True),
        ("ud", False),
        ("uud", True),
        ("udd", False),
        ("uuL", False),
        ("fff", True),
        ("ffd", True),
        ("fdd", False),
    ],
)
def test_add(kinds: str, allowed: bool) -> None:
    assert (quorum.why_not_add(members(*kinds)) == "") is allowed


@pytest.mark.parametrize(
    ("kinds", "member_id", "allowed"),
    [
        pytest.param("u", "1", False, id="the only one"),
        pytest.param("uu", "2", True, id="two to one"),
        pytest.param("ud", "2", False, id="two with one down have no quorum to remove the dead one"),
        pytest.param("uud", "3", True, id="the dead one of three"),
        pytest.param("uud", "1", False, id="a living one of three with one dead"),
        pytest.param("uL", "2", True, id="a learner never counts"),
        pytest.param("udd", "3", False, id="no quorum"),
        pytest.param("ffd", "3", True, id="the dead one, and the others are full"),
        pytest.param("ffd", "1", False, id="a full one of three with one dead"),
    ],
)
def test_remove(kinds: str, member_id: str, allowed: bool) -> None:
    assert (quorum.why_not_remove(members(*kinds), member_id) == "") is allowed


@pytest.mark.parametrize(
    ("kinds", "allowed"),
    [
        ("u", True),
        ("uu", True),
        ("ud", False),
        ("uuu", True),
        ("uud", False),
        ("duu", True),
        ("uuuu", True),
        ("uuud", False),
        ("uuuud", True),
        ("uuL", True),
        ("fff", True),
        ("ffd", False),
        ("ff", True),
    ],
)
def test_the_first_is_away_for_a_while(kinds: str, allowed: bool) -> None:
    assert (quorum.why_not_stop(members(*kinds), "cp1") == "") is allowed


@pytest.mark.parametrize(
    ("kinds", "known", "outnumbered"),
    [
        ("u", 1, False),
        ("u", 2, True),
        ("u", 3, True),
        ("uL", 2, True),
        ("uu", 3, False),
        ("uuu", 1, False),
        ("", 0, True),
    ],
)
def test_a_list_that_is_too_short_to_be_the_cluster(kinds: str, known: int, outnumbered: bool) -> None:
    assert quorum.outnumbered(members(*kinds), known) is outnumbered


def test_find_by_name_or_by_peer_address() -> None:
    listed = members("u", "L")
    assert quorum.find(listed, "cp1", "203.0.113.1") == listed[0]
    assert quorum.find(listed, "cp9", "192.0.2.2") == listed[1]
    assert quorum.find(listed, "cp9", "192.0.2.20") is None


def test_gateway_leaves_out_what_is_empty() -> None:
    found = member_from_json({"ID": "10276657743932975437", "peerURLs": ["https://192.0.2.2:2380"], "isLearner": True})
    assert (found.id, found.name, found.is_learner) == ("10276657743932975437", "", True)
