# SPDX-License-Identifier: GPL-3.0-or-later
"""When a replica of CoreDNS has to move so that one node's loss is not the loss of DNS."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.kubeops.cluster.plugins.module_utils._dns import spread


def pods(*nodes: str) -> list[dict[str, Any]]:
    return [
        {"metadata": {"name": f"coredns-{number}", "uid": f"u{number}"}, "spec": {"nodeName": node} if node else {}}
        for number, node in enumerate(nodes)
    ]


@pytest.mark.parametrize(
    ("homes", "usable", "restarts"),
    [
        (("cp1", "cp1"), ["cp1", "cp2"], True),
        (("cp1", "cp1", "cp1"), ["cp1", "w1"], True),
        (("cp1", "cp2"), ["cp1", "cp2"], False),
        (("cp1", "cp1"), ["cp1"], False),
        (("cp1",), ["cp1", "cp2"], False),
        ((), ["cp1", "cp2"], False),
        (("", ""), ["cp1", "cp2"], False),
    ],
)
def test_plan(homes: tuple[str, ...], usable: list[str], restarts: bool) -> None:
    assert spread.plan(pods(*homes), usable).changed is restarts


def test_one_replica_moves_and_the_others_stay() -> None:
    (step,) = spread.plan(pods("cp1", "cp1", "cp1"), ["cp1", "w1"]).steps
    assert (step.action, step.target, step.data["uid"]) == ("evict", "coredns-0", "u0")


def test_a_replica_that_is_ending_already_does_not_count() -> None:
    ending, kept = pods("cp1", "cp1")
    ending["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    assert not spread.plan([ending, kept], ["cp1", "w1"]).changed


def test_usable_nodes_are_ready_and_not_cordoned() -> None:
    def node(name: str, ready: str, unschedulable: bool = False) -> dict[str, Any]:
        return {
            "metadata": {"name": name},
            "spec": {"unschedulable": unschedulable},
            "status": {"conditions": [{"type": "Ready", "status": ready}]},
        }

    nodes = [node("w1", "True"), node("cp1", "True"), node("w2", "False"), node("w3", "True", True)]
    assert spread.usable_nodes(nodes) == ["cp1", "w1"]
