# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a member has what the others have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import pytest
from ansible_collections.kubeops.cluster.plugins.module_utils._core.errors import KubeopsError
from ansible_collections.kubeops.cluster.plugins.module_utils._etcd import agreement
from ansible_collections.kubeops.cluster.plugins.module_utils._etcd.choice import Status
from ansible_collections.kubeops.cluster.plugins.module_utils._etcd.content import AGREES, DIFFERS, UNKNOWN, judge
from ansible_collections.kubeops.cluster.plugins.module_utils._etcd.gateway import Gateway
from ansible_collections.kubeops.cluster.plugins.module_utils._etcd.model import Member

MEMBERS = [Member(number, f"cp{number}", (), (f"https://cp{number}",)) for number in ("1", "2", "3")]


@pytest.mark.parametrize(
    ("hashes", "voters", "verdict", "seen"),
    [
        ({"cp1": (7, 3), "cp2": (7, 3), "cp3": (7, 3)}, 3, AGREES, "at revision 50: cp1 7, cp2 7, cp3 7"),
        ({"cp1": (7, 3), "cp2": (7, 3), "cp3": (8, 3)}, 3, DIFFERS, "cp1 7, cp2 7, cp3 8"),
        # Another one is wrong.
        ({"cp1": (8, 3), "cp2": (7, 3), "cp3": (7, 3)}, 3, AGREES, "cp1 8, cp2 7, cp3 7"),
        # Another one is down.
        ({"cp1": (7, 3), "cp3": (7, 3)}, 3, AGREES, "cp1 7, cp3 7"),
        ({"cp1": (7, 3), "cp3": (8, 3)}, 3, UNKNOWN, "no 2 of 3 voters have the same"),
        ({"cp1": (7, 3), "cp2": (9, 3), "cp3": (8, 3)}, 3, UNKNOWN, "no 2 of 3 voters have the same"),
        # Of two nobody knows who is right.
        ({"cp2": (7, 3), "cp3": (8, 3)}, 2, UNKNOWN, "no 2 of 2 voters have the same"),
        ({"cp2": (7, 3), "cp3": (7, 3)}, 2, AGREES, "cp2 7, cp3 7"),
        # Compacted differently, hashes do not compare.
        ({"cp1": (7, 3), "cp2": (7, 3), "cp3": (8, 2)}, 3, UNKNOWN, "cp3 is compacted up to 2, the others up to 3"),
        # It never got there.
        ({"cp1": (7, 3), "cp2": (7, 3)}, 3, DIFFERS, "is at a lower one"),
        ({"cp2": (7, 3)}, 2, UNKNOWN, "no 2 of 2 voters have the same"),
    ],
)
def test_a_quorum_of_the_voters_knows(
    hashes: Mapping[str, tuple[int, int]], voters: int, verdict: str, seen: str
) -> None:
    found = judge("cp3", 50, hashes, voters)
    assert found.verdict == verdict
    assert seen in found.seen


@dataclass
class Cluster:
    """Members with a revision and a raft index each, and with the hashes that they have."""

    at: Mapping[str, tuple[int, int]]
    hashes: Mapping[str, int]
    versions: Mapping[str, str] = field(default_factory=dict)
    own: str = ""

    def members(self) -> Sequence[Member]:
        return [member for member in MEMBERS if member.name in self.at]

    def statuses(self, members: Sequence[Member]) -> list[Status]:
        return [Status(each, "c", self.versions.get(each.name, "3.6.8"), "1", *self.at[each.name]) for each in members]

    def of(self, member: Member) -> Cluster:
        return Cluster(self.at, self.hashes, self.versions, member.name)

    def status(self) -> Mapping[str, Any]:
        revision, index = self.at[self.own]
        return {"header": {"revision": revision}, "raftAppliedIndex": index}

    def content_at(self, revision: int) -> tuple[int, int]:
        if revision > self.at[self.own][0]:
            raise KubeopsError("etcdserver: mvcc: required revision is a future revision")
        return self.hashes[self.own], 3


SAME = {"cp1": (50, 90), "cp2": (50, 90), "cp3": (50, 90)}


@pytest.mark.parametrize(
    ("cluster", "verdict"),
    [
        (Cluster(SAME, {"cp1": 7, "cp2": 7, "cp3": 7}), AGREES),
        (Cluster(SAME, {"cp1": 7, "cp2": 7, "cp3": 8}), DIFFERS),
        # Writes go on meanwhile.
        (Cluster({**SAME, "cp3": (53, 93)}, {"cp1": 7, "cp2": 7, "cp3": 7}), AGREES),
        # It lags, which is no fault; or it applied the same log and has less.
        (Cluster({**SAME, "cp3": (48, 88)}, {"cp1": 7, "cp2": 7, "cp3": 7}), UNKNOWN),
        (Cluster({**SAME, "cp3": (48, 90)}, {"cp1": 7, "cp2": 7, "cp3": 7}), DIFFERS),
        (Cluster(SAME, {"cp1": 7, "cp2": 7, "cp3": 8}, {"cp1": "3.6.9"}), UNKNOWN),
        (Cluster({"cp3": (50, 90)}, {}), AGREES),
    ],
)
def test_a_member_and_the_others(cluster: Cluster, verdict: str) -> None:
    assert agreement._against_others(cast(Gateway, cluster), MEMBERS[2]).verdict == verdict


def test_what_does_not_compare_is_looked_at_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agreement.time, "sleep", lambda _seconds: None)
    lagging = Cluster({**SAME, "cp3": (48, 88)}, {})
    looks = iter([lagging, lagging, Cluster(SAME, {"cp1": 7, "cp2": 7, "cp3": 8})])
    look = agreement._against_others
    monkeypatch.setattr(agreement, "_against_others", lambda _gateway, own: look(cast(Gateway, next(looks)), own))
    assert agreement.compare(cast(Gateway, None), MEMBERS[2]).verdict == DIFFERS
