# SPDX-License-Identifier: GPL-3.0-or-later
"""The report over many nodes, its table and its metric."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.kubeops.cluster.plugins.filter.certificate_report import certificate_report
from ansible_collections.kubeops.cluster.plugins.module_utils._x509 import table

DAY = 86400
HOSTS = ["cp1", "w1", "w2", "w3"]
READABLE = {
    "id": "world_readable",
    "level": "critical",
    "message": "/pki/b.key has mode 0644: every user of the node can read this secret",
    "fix": "chmod 0600 /pki/b.key",
}


def row(name: str, seconds: float | None, verdict: str = "ok", *reasons: dict[str, str]) -> dict[str, Any]:
    certificate = None if seconds is None else {"not_after": "2026-12-01T10:00:30Z"}
    return {
        "name": name,
        "path": f"/pki/{name}",
        "verdict": verdict,
        "reasons": list(reasons),
        "seconds_left": seconds,
        "certificate": certificate,
    }


RESULTS = {
    "cp1": {"certificates": [row("a", 9 * DAY), row("b", 20 * DAY, "critical", READABLE)]},
    "w1": {
        "certificates": [row("lost", None, "broken", {**READABLE, "message": "it is empty", "fix": ""}), row("a", 5)]
    },
    "w2": {"failed": True, "msg": "the Python library cryptography is missing on this node"},
}


def found(fail_on: str = "critical", part: list[str] | None = None) -> dict[str, Any]:
    return table.report(HOSTS, part or HOSTS, RESULTS, fail_on)


def test_what_cannot_be_read_comes_first_then_the_soonest_of_all_hosts() -> None:
    shown = [(one["host"], one["name"]) for one in found()["certificates"]]
    assert shown == [("w1", "lost"), ("w1", "a"), ("cp1", "a"), ("cp1", "b")]


def test_a_good_key_pair_has_no_end_and_comes_last() -> None:
    rows = table.report(["cp1"], ["cp1"], {"cp1": {"certificates": [row("sa", None), row("a", 5)]}}, "never")
    assert [one["name"] for one in rows["certificates"]] == ["a", "sa"]


def test_worst_verdict_and_counts() -> None:
    seen = found()
    assert seen["verdict"] == "broken"
    assert seen["counts"] == {"ok": 2, "warning": 0, "critical": 1, "expired": 0, "broken": 1}


@pytest.mark.parametrize(
    ("fail_on", "due"),
    [("never", []), ("warning", ["w1", "cp1"]), ("critical", ["w1", "cp1"]), ("expired", ["w1"]), ("broken", ["w1"])],
)
def test_due_by_level(fail_on: str, due: list[str]) -> None:
    assert [sentence.split()[0] for sentence in found(fail_on)["due"]] == due


def test_a_due_entry_says_what_is_wrong_and_where() -> None:
    assert found()["due"][1] == f"cp1 b (/pki/b): critical, {READABLE['message']}"


def test_hosts_left_out_and_hosts_not_checked_are_told_apart() -> None:
    seen = found(part=["cp1", "w2", "w3"])
    assert seen["left_out"] == ["w1"]
    assert seen["not_checked"] == {"w2": RESULTS["w2"]["msg"], "w3": "it was not reached"}
    assert {one["host"] for one in seen["certificates"]} == {"cp1"}


def test_every_clock_that_was_compared_is_told() -> None:
    results = {"cp1": {"certificates": [], "clock_offset": -75.5}, "w1": {"certificates": []}, "w2": RESULTS["w2"]}
    assert table.report(HOSTS, HOSTS, results, "never")["clock_offset"] == {"cp1": -75.5, "w1": None}


def test_a_host_in_two_groups_counts_once() -> None:
    assert table.report(["cp1", "cp1"], ["cp1"], RESULTS, "never")["counts"]["ok"] == 1


def test_table() -> None:
    assert table.table(found(part=["cp1", "w2"])) == [
        "VERDICT   LEFT    ENDS (UTC)        HOST  CERTIFICATE  PATH",
        "ok        9d 0h   2026-12-01 10:00  cp1   a            /pki/a",
        "critical  20d 0h  2026-12-01 10:00  cp1   b            /pki/b",
        f"    critical: {READABLE['message']} -> chmod 0600 /pki/b.key",
        "1 ok, 1 critical",
        "left out of this run: w1, w3",
        "not checked: w2: the Python library cryptography is missing on this node",
    ]


def test_table_of_nothing() -> None:
    assert table.table(table.report([], [], {}, "never"))[1:] == ["no certificate was found"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "-"),
        (0.4, "0m 0s"),
        (190.0, "3m 10s"),
        (18720.0, "5h 12m"),
        (364 * DAY + 23.9 * 3600, "364d 23h"),
        (-2 * DAY - 3600.0, "-2d 1h"),
    ],
)
def test_time_left(seconds: float | None, text: str) -> None:
    assert table.left(seconds) == text


def test_metrics() -> None:
    lines = table.metrics([row('a"\\', 5), row("lost", None, "broken")], 1000.7).splitlines()
    samples = [line for line in lines if not line.startswith("#")]
    assert samples == [
        'kubeops_certificate_not_after_timestamp_seconds{name="a\\"\\\\",path="/pki/a\\"\\\\"} 1796119230',
        'kubeops_certificate_verdict{name="lost",path="/pki/lost"} 4',
        'kubeops_certificate_verdict{name="a\\"\\\\",path="/pki/a\\"\\\\"} 0',
        "kubeops_certificate_checked_timestamp_seconds 1000",
    ]


def test_of_entries_that_share_labels_the_soonest_counts() -> None:
    text = table.metrics([row("a", 5, "critical", READABLE), row("a", 9)], 0)
    assert text.count("kubeops_certificate_verdict{") == 1
    assert 'kubeops_certificate_verdict{name="a",path="/pki/a"} 2' in text


def test_filter_reads_hostvars() -> None:
    hostvars = {host: ({"seen": RESULTS[host]} if host in RESULTS else {}) for host in HOSTS}
    shown = certificate_report(HOSTS, hostvars, HOSTS, "seen", "critical")
    assert shown == {**found(), "table": table.table(found())}
