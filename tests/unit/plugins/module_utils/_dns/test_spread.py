# SPDX-License-Identifier: GPL-3.0-or-later
"""When CoreDNS has to be restarted so that its replicas spread."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.kubeops.cluster.plugins.module_utils._dns import spread


def pods(*nodes: str) -> list[dict[str, Any]]:
    return [{"spec": {"nodeName": node} if node else {}} for node in nodes]


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


def test_usable_nodes_are_ready_and_not_cordoned() -> None:
    def node(name: str, ready: str, unschedulable: bool = False) -> dict[str, Any]:
        return {
            "metadata": {"name": name},
            "spec": {"unschedulable": unschedulable},
            "status": {"conditions": [{"type": "Ready", "status": ready}]},
        }

    nodes = [node("w1", "True"), node("cp1", "True"), node("w2", "False"), node("w3", "True", True)]
    assert spread.usable_nodes(nodes) == ["cp1", "w1"]
