# SPDX-License-Identifier: GPL-3.0-or-later
"""Many findings make one short table."""

from __future__ import annotations

from ansible_collections.kubeops.cluster.plugins.module_utils._inventory.finding import (
    ERROR,
    WARNING,
    Finding,
    merge,
    shown,
    some,
    summary,
    table,
    without_ignored,
)


def finding(rule: str = "node.swap", level: str = WARNING, *hosts: str) -> Finding:
    return Finding(rule, level, "is on", "switch it off", hosts=hosts, variable="kubeops_swap", value="off")


def test_the_same_on_many_hosts_is_one_row_and_errors_come_first() -> None:
    hosts = [f"w{number}" for number in range(50)]
    merged = merge([*(finding("node.swap", WARNING, host) for host in hosts), finding("node.cpus", ERROR, "cp1")])
    assert [(entry.rule, len(entry.hosts)) for entry in merged] == [("node.cpus", 1), ("node.swap", 50)]


def test_table() -> None:
    assert table([finding("node.swap", WARNING, "w1", "w2")]).splitlines() == [
        "WARNING  node.swap                    w1, w2",
        "         kubeops_swap = off: is on",
        "         Fix: switch it off",
    ]


def test_summary_counts() -> None:
    text = summary([finding("a", ERROR), finding("b"), finding("c")])
    assert text.splitlines()[0] == "Preflight found 1 error and 2 warnings; nothing has been changed."


def test_some() -> None:
    assert some(["a", "b"]) == "a, b"
    assert some(["a", "b", "c", "d", "e"]) == "a, b, c, d and 1 more"


def test_ignored_rules_leave_their_reason() -> None:
    left, ignored = without_ignored([finding("a"), finding("b"), finding("b")], {"b": "known", "c": "not found"})
    assert ([entry.rule for entry in left], ignored) == (["a"], ["b ignored: known"])


def test_values_are_short_and_without_passwords() -> None:
    assert shown("http://user:secret@host:3128/x") == "http://***@host:3128/x"
    assert len(shown("x" * 500)) == 80
    assert shown("two\nlines") == "two lines"
