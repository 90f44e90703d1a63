# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.kubeops.cluster.plugins.callback.stage_timer import StageTimes, lines, runs_on_controller


def clock(*seconds: float):
    moments = iter(seconds)
    return lambda: next(moments)


def test_a_stage_ends_where_the_next_begins():
    times = StageTimes(clock(100.0, 101.0, 103.5, 110.0))
    times.begin("Preflight")
    times.begin("Nodes")
    assert times.summary()["stages"] == [{"name": "Preflight", "seconds": 2.5}, {"name": "Nodes", "seconds": 6.5}]


def test_batches_of_one_play_are_one_stage():
    times = StageTimes(clock(0.0, 1.0, 9.0))
    times.begin("Control plane")
    times.begin("Control plane")
    assert times.summary()["stages"] == [{"name": "Control plane", "seconds": 8.0}]


def test_counts_per_host():
    times = StageTimes(clock(0.0, 4.0))
    times.count("w1", "kubeops.cluster.node_facts", "ok")
    times.count("w1", "ansible.builtin.set_fact", "ok")
    times.count("w1", "kubeops.cluster.kubeadm_join", "ok", changed=True)
    times.count("w1", "ansible.builtin.command", "failed")
    times.count("w1", "ansible.builtin.command", "skipped")
    times.count("cp1", "kubeops.cluster.node_facts", "unreachable")
    summary = times.summary()
    assert summary["seconds"] == 4.0
    assert summary["hosts"]["w1"] == {
        "ok": 3,
        "changed": 1,
        "failed": 1,
        "skipped": 1,
        "unreachable": 0,
        "executed": 3,
    }
    assert summary["hosts"]["cp1"]["executed"] == 0
    assert list(summary["hosts"]) == ["cp1", "w1"]


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        ("set_fact", True),
        ("ansible.builtin.assert", True),
        ("ansible.legacy.include_tasks", True),
        ("ansible.builtin.command", False),
        ("kubeops.cluster.meta", False),
    ],
)
def test_runs_on_controller(action: str, expected: bool):
    assert runs_on_controller(action) is expected


def test_table_lines_up():
    summary = {"seconds": 12.345, "stages": [{"name": "A long name of a stage", "seconds": 2.0}]}
    assert lines(summary) == ["A long name of a stage       2.0 s", "All stages                  12.3 s"]
