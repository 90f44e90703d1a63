# SPDX-License-Identifier: GPL-3.0-or-later
"""What may pass gets a while to do so."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.kubeops.cluster.plugins.module_utils._gates import settle

WELL: dict[str, Any] = {
    "nodes": [{"ready": True}],
    "components": [{"ready": True}],
    "etcd": {"members": [{"healthy": True}], "error": ""},
}


@pytest.mark.parametrize(
    ("change", "well"),
    [
        ({}, True),
        ({"nodes": [{"ready": True}, {"ready": False}]}, False),
        ({"components": [{"ready": False}]}, False),
        ({"etcd": {"members": [{"healthy": False}], "error": ""}}, False),
        ({"etcd": {"members": [], "error": "no answer"}}, False),
    ],
)
def test_cluster(change: dict[str, Any], well: bool) -> None:
    assert settle.cluster_is_well({**WELL, **change}) is well


@pytest.mark.parametrize(
    ("kubelet", "api", "passes", "well"),
    [
        (True, True, False, True),
        (True, None, False, True),
        (None, None, False, True),
        (False, True, False, False),
        (True, False, False, False),
        (True, True, True, False),
    ],
)
def test_node(kubelet: bool | None, api: bool | None, passes: bool, well: bool) -> None:
    facts = {"kubelet_healthy": kubelet, "api_ready": api, "drift_passes": passes}
    assert settle.node_is_well(facts) is well


def test_looks_until_good_or_the_time_is_up(monkeypatch: pytest.MonkeyPatch) -> None:
    now, looks = [0.0], [0]
    monkeypatch.setattr(settle.clock, "monotonic", lambda: now[0])
    monkeypatch.setattr(settle.time, "sleep", lambda seconds: now.__setitem__(0, now[0] + seconds))

    def look() -> dict[str, Any]:
        looks[0] += 1
        return {"look": looks[0]}

    assert settle.settled(look, lambda seen: seen["look"] == 3, 60) == {"look": 3}
    assert settle.settled(look, lambda _seen: False, 4) == {"look": 6}
    assert settle.settled(look, lambda _seen: False, 0) == {"look": 7}
