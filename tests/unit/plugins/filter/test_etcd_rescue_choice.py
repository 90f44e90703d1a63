# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose data all members are restored from."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.kubeops.cluster.plugins.filter.etcd_rescue_choice import etcd_rescue_choice


def saved(revision: int, raft_index: int = 100) -> dict[str, Any]:
    return {"snapshot": f"/s/{revision}.db", "manifest": {"revision": revision, "raft_index": raft_index}}


def disk(revision: int, damage: str = "", voters: int = 3) -> dict[str, Any]:
    return {"data": {"has_data": True, "revision": revision, "damage": damage, "voters": 0 if damage else voters}}


def running(revision: int, voters: int) -> dict[str, Any]:
    return {**saved(revision), "voters": voters}


FULL = {"failed": True, "msg": "no room"}
EMPTY = {"host": "c", "disk": {"data": {"has_data": False}}}


@pytest.mark.parametrize(
    ("hosts", "host", "failed", "ahead"),
    [
        pytest.param([{"host": "a", "running": saved(7)}, EMPTY], "a", {}, [], id="one runs, one disk is empty"),
        pytest.param(
            [{"host": "a", "running": saved(7, 9)}, {"host": "b", "salvaged": saved(9), "disk": disk(9)}],
            "b", {}, [], id="a stopped disk is ahead of the one that runs",
        ),
        pytest.param(
            [{"host": "a", "salvaged": saved(7, 104), "disk": disk(7)}, {"host": "b", "running": saved(7, 100)}],
            "b", {}, [], id="reading a disk adds entries to its log, and no revision",
        ),
        pytest.param(
            [{"host": "a", "salvaged": saved(7, 90)}, {"host": "b", "salvaged": saved(7, 91)}],
            "b", {}, [], id="the same content on two disks",
        ),
        pytest.param(
            [
                {"host": "a", "salvaged": {"msg": "no valid page"}, "disk": disk(0, "damaged")},
                {"host": "b", "salvaged": saved(7), "disk": disk(7)},
            ],
            "b", {"a": "damaged"}, [], id="a damaged disk has no veto",
        ),
        pytest.param(
            [{"host": "a", "salvaged": FULL, "disk": disk(9)}, {"host": "b", "running": saved(7), "disk": disk(0)}],
            "b", {"a": "no room"}, ["a"], id="a full disk that has more than what was saved",
        ),
        pytest.param(
            [{"host": "a", "salvaged": FULL, "disk": disk(7)}, {"host": "b", "salvaged": saved(7), "disk": disk(7)}],
            "b", {"a": "no room"}, [], id="a full disk that has no more",
        ),
        pytest.param(
            [{"host": "a", "running": {"msg": "broke off"}, "salvaged": saved(7)}, EMPTY],
            "a", {}, [], id="it answered, and its disk was read",
        ),
        pytest.param(
            [{"host": "a", "disk": {"msg": "Input/output error", "rc": -7}}, {"host": "b", "running": saved(7)}],
            "b", {"a": "Input/output error"}, [], id="a disk that could not even be looked at has no veto",
        ),
        pytest.param([{"host": "a", "running": saved(7)}, {"host": "b", "disk": {"skipped": True}}, {"host": "c"}],
                     "a", {}, [], id="not looked at"),
        pytest.param(
            [{"host": "a", "disk": disk(3, "torn")}, EMPTY], "", {"a": "torn"}, ["a"], id="nothing was saved",
        ),
    ],
)  # fmt: skip
def test_choice(hosts: list[dict[str, Any]], host: str, failed: dict[str, str], ahead: list[str]) -> None:
    for order in (hosts, hosts[::-1]):
        chosen = etcd_rescue_choice(order)
        assert (chosen["host"], chosen["failed"], chosen["ahead"]) == (host, failed, ahead)


def test_what_was_saved() -> None:
    chosen = etcd_rescue_choice([{"host": "a", "running": saved(7)}])
    assert (chosen["snapshot"], chosen["revision"]) == ("/s/7.db", 7)


@pytest.mark.parametrize(
    ("hosts", "host", "anew", "ahead"),
    [
        pytest.param(
            [{"host": "a", "running": running(900, 1)}, {"host": "b", "salvaged": saved(7), "disk": disk(7)}],
            "b", ["a"], [], id="it runs, and wrote more than a young cluster had",
        ),
        pytest.param(
            [
                {"host": "a", "salvaged": saved(900), "disk": disk(900, voters=1)},
                {"host": "b", "running": running(7, 3)},
                {"host": "c", "salvaged": FULL, "disk": disk(7)},
            ],
            "b", ["a"], [], id="it was stopped",
        ),
        pytest.param(
            [{"host": "a", "running": running(9, 1)}, {"host": "b", "salvaged": FULL, "disk": disk(7)}],
            "", ["a"], ["b"], id="what it is not of could not be saved",
        ),
        pytest.param(
            [{"host": "a", "salvaged": FULL, "disk": disk(900, voters=1)}, {"host": "b", "running": running(7, 3)}],
            "b", ["a"], [], id="no veto",
        ),
        # A rescue was killed while it restored: what is restored has another id, the same voters and what all had.
        pytest.param(
            [
                {"host": "a", "salvaged": saved(1_000_009), "disk": disk(1_000_009)},
                {"host": "b", "salvaged": saved(7), "disk": disk(7)},
            ],
            "a", [], [], id="restored",
        ),
        pytest.param([{"host": "a", "running": running(7, 1)}, EMPTY], "a", [], [], id="a cluster of one"),
        pytest.param(
            [{"host": "a", "running": running(7, 2)}, {"host": "b", "salvaged": saved(6), "disk": disk(6)}],
            "a", [], [], id="one was removed",
        ),
    ],
)  # fmt: skip
def test_histories_are_kept_apart(hosts: list[dict[str, Any]], host: str, anew: list[str], ahead: list[str]) -> None:
    for order in (hosts, hosts[::-1]):
        chosen = etcd_rescue_choice(order)
        assert (chosen["host"], chosen["begun_anew"], chosen["ahead"]) == (host, anew, ahead)
