# SPDX-License-Identifier: GPL-3.0-or-later
"""Order and batches of a hop."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.kubeops.cluster.plugins.filter.upgrade_order import size, upgrade_order

CONTROL_PLANES = ["cp1", "cp2", "cp3"]
WORKERS = [f"w{number}" for number in range(1, 8)]
NODES = [{"host": name, "name": f"node-{name}"} for name in CONTROL_PLANES + WORKERS]


def hop(control_planes: list[str], kubelets: list[str]) -> dict[str, list[str]]:
    return {
        "control_planes": [f"node-{name}" for name in control_planes],
        "kubelets": [f"node-{name}" for name in kubelets],
    }


def order(found: dict[str, list[str]], **options: Any) -> dict[str, Any]:
    return upgrade_order(found, NODES, CONTROL_PLANES, **options)


def test_control_planes_in_the_road_s_order_those_without_work_first() -> None:
    found = order(hop(["cp3", "cp1"], ["cp2", "cp3", "w1"]))
    assert found["control_planes"] == ["cp2", "cp3", "cp1"]
    assert found["kubelets"] == ["cp2", "cp3"]
    assert found["batches"] == [["w1"]]


@pytest.mark.parametrize(
    ("options", "lengths"),
    [
        pytest.param({}, [1] * 7, id="one by one"),
        pytest.param({"at_once": 3}, [3, 3, 1], id="number"),
        pytest.param({"at_once": "30%"}, [2, 2, 2, 1], id="percentage rounded down"),
        pytest.param({"at_once": "1%"}, [1] * 7, id="at least one"),
        pytest.param({"at_once": "100%"}, [7], id="all"),
        pytest.param({"at_once": 5, "max_unavailable": 2}, [2, 2, 2, 1], id="bounded"),
        pytest.param({"at_once": "100%", "max_unavailable": "50%"}, [3, 3, 1], id="bounded by a percentage"),
        pytest.param({"at_once": 3, "max_unavailable": "0"}, [3, 3, 1], id="a bound that is none, as -e makes it"),
        pytest.param({"at_once": 3, "max_unavailable": "0%"}, [3, 3, 1], id="no percentage is no bound"),
        pytest.param({"at_once": 3, "max_unavailable": "1%"}, [1] * 7, id="a bound is at least one"),
        pytest.param({"at_once": 3, "canary": 1}, [1, 3, 3], id="canary first"),
        pytest.param({"at_once": 1, "canary": 2}, [1] * 7, id="a canary of several batches"),
        pytest.param({"at_once": 2, "canary": 3}, [2, 1, 2, 2], id="a canary of whole batches"),
        pytest.param({"at_once": 5, "canary": 4, "max_unavailable": 3}, [3, 1, 3], id="a canary within the bound"),
        pytest.param({"at_once": 3, "canary": -1}, [3, 3, 1], id="no canary"),
    ],
)
def test_batches(options: dict[str, Any], lengths: list[int]) -> None:
    batches = order(hop([], WORKERS), **options)["batches"]
    assert [len(batch) for batch in batches] == lengths
    assert [host for batch in batches for host in batch] == WORKERS


@pytest.mark.parametrize(("value", "most"), [(0, 0), ("0", 0), (" 0% ", 0), (2, 2), ("2", 2), ("50%", 3), ("1%", 1)])
def test_most(value: Any, most: int) -> None:
    assert order(hop([], WORKERS), max_unavailable=value)["most"] == most


def test_groups_have_their_own_pace_and_never_mix() -> None:
    groups = [{"name": "gpu", "hosts": ["w6", "w7"], "at_once": 1}, {"name": "web", "hosts": ["w1", "w2", "w3"]}]
    found = order(hop([], WORKERS), groups=groups, at_once=2)
    assert found["batches"] == [["w6"], ["w7"], ["w1", "w2"], ["w3"], ["w4", "w5"]]


def test_a_canary_larger_than_the_first_group() -> None:
    groups = [{"name": "gpu", "hosts": ["w6", "w7"], "at_once": 2}]
    found = order(hop([], WORKERS), groups=groups, at_once=3, canary=3)
    assert found["batches"] == [["w6", "w7"], ["w1"], ["w2", "w3", "w4"], ["w5"]]


def test_nodes_outside_the_run_are_named() -> None:
    found = upgrade_order(hop(["cp1"], ["cp1", "w1"]), [{"host": "w1", "name": "node-w1"}], CONTROL_PLANES)
    assert (found["control_planes"], found["kubelets"], found["batches"]) == ([], [], [["w1"]])
    assert found["left_out"] == ["node-cp1"]


@pytest.mark.parametrize(
    ("options", "drains"),
    [
        ({}, [["node-cp1"], ["node-cp2"], ["node-w1"], ["node-w2"], ["node-w3"]]),
        ({"at_once": 2}, [["node-cp1"], ["node-cp2"], ["node-w1", "node-w2"], ["node-w3"]]),
        ({"at_once": 3, "canary": 1}, [["node-cp1"], ["node-cp2"], ["node-w1"], ["node-w2", "node-w3"]]),
    ],
)
def test_drains_name_nodes_that_are_away_at_the_same_time(options: dict[str, Any], drains: list[list[str]]) -> None:
    assert order(hop(["cp1"], ["cp1", "cp2", *WORKERS[:3]]), **options)["drains"] == drains


@pytest.mark.parametrize("value", ["many", "-1", "x%", ""])
def test_a_size_that_is_none(value: str) -> None:
    with pytest.raises(ValueError, match=r"invalid literal|negative"):
        size(value, 10)


@pytest.mark.parametrize(
    ("group", "message"),
    [
        ({"name": "gpu", "hosts": "w10"}, "group gpu: hosts is 'w10', no list of hosts"),
        ({"name": "gpu", "at_once": 1}, "group gpu: hosts is None, no list of hosts"),
        ({"name": "gpu", "hosts": ["w1"], "at_onec": 1}, "group gpu: 'at_onec' is not known"),
        ("gpu", "group 'gpu' is no mapping"),
    ],
)
def test_a_group_whose_pace_nobody_would_keep(group: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        order(hop([], WORKERS), groups=[group])
