# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether there is a quorum, by what all hosts say."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.kubeops.cluster.plugins.filter.etcd_rescue_quorum import etcd_rescue_quorum


def host(name: str, voters: int = 3, *, lost: bool | None = None, disk: int = 0) -> dict[str, Any]:
    """lost: what its member says, None where it does not answer. disk: voters that its disk knows."""
    asked = {"msg": "refused"} if lost is None else {"quorum_lost": lost, "voters": voters}
    return {"host": name, "asked": asked, "disk": {"has_data": bool(disk), "voters": disk}}


@pytest.mark.parametrize(
    ("hosts", "answering", "quorum"),
    [
        pytest.param([host("a", lost=False), host("b", lost=False), host("c")], "ab", "ab", id="one is down"),
        pytest.param([host("a"), host("b", lost=True), host("c")], "b", "", id="a survivor"),
        pytest.param([host("a", 1, lost=False), host("b", lost=True), host("c")], "ab", "", id="a began anew"),
        pytest.param([host("a", 1, lost=False), host("b", disk=3), host("c")], "a", "", id="so it did, b is a disk"),
        pytest.param([host("a", 1, lost=False), host("b", lost=False), host("c", lost=False)], "abc", "bc",
                     id="so it did, beside the others"),
        pytest.param([host("a", 2, lost=False), host("b", 2, lost=False), host("c", disk=3)], "ab", "ab",
                     id="c was removed"),
        pytest.param([host("a", 1, lost=False), {"host": "b"}], "a", "a", id="the only one so far"),
        pytest.param([{"host": "a"}], "", "", id="nothing is known"),
    ],
)  # fmt: skip
def test_whose_quorum_counts(hosts: list[dict[str, Any]], answering: str, quorum: str) -> None:
    found = etcd_rescue_quorum(hosts)
    assert ("".join(found["answering"]), "".join(found["quorum"])) == (answering, quorum)


@pytest.mark.parametrize(
    ("asked", "disk", "unasked"),
    [
        ({"quorum_lost": True, "voters": 3}, {"running": True}, {}),
        ({"msg": "the client certificate has expired"}, {"running": True}, {"a": "the client certificate has expired"}),
        ({"msg": "a timeout"}, {"running": True, "has_leader": None}, {"a": "a timeout"}),
        ({"msg": "a timeout"}, {"running": True, "has_leader": True}, {"a": "a timeout"}),
        ({"msg": "a timeout"}, {"running": True, "has_leader": False}, {}),
        ({"msg": "connection refused"}, {"running": False, "has_leader": None}, {}),
        ({}, {"running": True}, {"a": "it was not asked"}),
    ],
)
def test_who_runs_and_could_not_be_asked(asked: dict[str, Any], disk: dict[str, Any], unasked: dict[str, str]) -> None:
    found = etcd_rescue_quorum([{"host": "a", "asked": asked, "disk": {"has_data": True, **disk}}])
    assert found["unasked"] == unasked
