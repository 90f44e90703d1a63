# SPDX-License-Identifier: GPL-3.0-or-later
"""When members are one healthy cluster."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.kubeops.cluster.plugins.module_utils._etcd.agreement import Wanted, missing
from ansible_collections.kubeops.cluster.plugins.module_utils._etcd.choice import Status
from ansible_collections.kubeops.cluster.plugins.module_utils._etcd.model import Member

MEMBERS = [Member(str(number), f"cp{number}", (), ("https://x",)) for number in (1, 2, 3)]
GOOD = [Status(member, cluster_id="c", leader="2", revision=50) for member in MEMBERS]
ALL = Wanted(frozenset({"cp1", "cp2", "cp3"}), 50)


def changed(**other: object) -> list[Status]:
    return [*GOOD[:2], replace(GOOD[2], **other)]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("members", "statuses", "why"),
    [
        (MEMBERS, GOOD, ""),
        (MEMBERS[:2], GOOD[:2], "its members are cp1, cp2; wanted cp1, cp2, cp3"),
        ([*MEMBERS, Member("4", "", (), ())], GOOD, "its members are , cp1, cp2, cp3; wanted cp1, cp2, cp3"),
        (MEMBERS, GOOD[:2], "cp3 did not answer"),
        (MEMBERS, changed(cluster_id="d"), "ids of the cluster are c, d"),
        (MEMBERS, changed(leader="1"), "leaders are 1, 2"),
        (MEMBERS, [replace(status, leader="") for status in GOOD], "leaders are none"),
        (MEMBERS, changed(errors=("NOSPACE",)), "cp3: NOSPACE"),
        (MEMBERS, changed(revision=49), "cp3 not yet at revision 50"),
        ([*MEMBERS[:2], replace(MEMBERS[2], is_learner=True)], GOOD, "cp3 is a learner"),
    ],
)
def test_missing(members: list[Member], statuses: list[Status], why: str) -> None:
    assert missing(ALL, members, statuses) == why


@pytest.mark.parametrize(
    ("wanted", "why"),
    [("", ""), ("c", ""), ("e", "the cluster's id is c, wanted e: etcd runs on other data")],
)
def test_id_of_the_cluster(wanted: str, why: str) -> None:
    assert missing(replace(ALL, cluster_id=wanted), MEMBERS, GOOD) == why
