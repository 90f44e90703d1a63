# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose an alarm is. The texts are what etcd 3.6.8 says."""

from __future__ import annotations

import pytest
from ansible_collections.kubeops.cluster.plugins.module_utils._etcd import alarms
from ansible_collections.kubeops.cluster.plugins.module_utils._etcd.model import Member

MINE, THEIRS, NOBODYS = "memberID:7 alarm:NOSPACE ", "memberID:77 alarm:CORRUPT ", "alarm:CORRUPT "
NO_LEADER = "etcdserver: no leader"


@pytest.mark.parametrize(
    ("errors", "own"),
    [
        ((), ()),
        ((MINE,), (MINE,)),
        ((THEIRS,), ()),
        ((THEIRS, MINE), (MINE,)),
        # etcd that cannot tell who is corrupt raises the alarm without an id: then nobody is known to be well.
        ((NOBODYS,), (NOBODYS,)),
        ((NO_LEADER, THEIRS), (NO_LEADER,)),
        (("alarm: what no version says",), ("alarm: what no version says",)),
    ],
)
def test_own(errors: tuple[str, ...], own: tuple[str, ...]) -> None:
    assert alarms.own(errors, "7") == own


@pytest.mark.parametrize(
    ("errors", "hindering"),
    [((MINE,), ()), ((MINE, NO_LEADER), (NO_LEADER,)), ((NOBODYS, MINE), (NOBODYS,)), ((THEIRS,), ())],
)
def test_a_full_database_hinders_nobody_to_vote(errors: tuple[str, ...], hindering: tuple[str, ...]) -> None:
    assert alarms.hindering(errors, "7") == hindering


def test_warnings_name_the_member_or_say_that_there_is_none() -> None:
    told = alarms.warnings([("7", "NOSPACE"), ("8", "CORRUPT")], [Member("7", "cp1", (), ())])
    assert [line.partition(";")[0] for line in told] == [
        "etcd has the alarm NOSPACE of cp1",
        "etcd has the alarm CORRUPT of 8, which is no member",
    ]


def test_split() -> None:
    assert alarms.split([NO_LEADER, MINE, NOBODYS]) == ((MINE, NOBODYS), (NO_LEADER,))
