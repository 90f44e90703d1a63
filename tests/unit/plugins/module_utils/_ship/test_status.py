# SPDX-License-Identifier: GPL-3.0-or-later
"""A backup as a metric and as a line."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.kubeops.cluster.plugins.module_utils._ship import status

MANIFEST: dict[str, Any] = {
    "cluster_name": "prod", "taken_at": "2026-11-21T01:00:00+00:00", "size": 3 * 1024 * 1024, "duration_seconds": 0.8,
    "revision": 1301, "member": {"name": "cp2", "reason": "the healthy follower with the highest raft index"},
}  # fmt: skip
PROVED = {**MANIFEST, "proof": {"restore_seconds": 2.5, "data_age_seconds": 4.1}}


def test_metrics() -> None:
    samples = [line for line in status.metrics(PROVED).splitlines() if not line.startswith("#")]
    assert samples == [
        'kubeops_etcd_backup_last_success_timestamp_seconds{cluster="prod"} 1795222800',
        'kubeops_etcd_backup_size_bytes{cluster="prod"} 3145728',
        'kubeops_etcd_backup_duration_seconds{cluster="prod"} 0.8',
        'kubeops_etcd_backup_revision{cluster="prod"} 1301',
        'kubeops_etcd_backup_restore_seconds{cluster="prod"} 2.5',
        'kubeops_etcd_backup_data_age_when_proven_seconds{cluster="prod"} 4.1',
    ]
    of_unknown_age = status.metrics({**MANIFEST, "proof": {"restore_seconds": 2.5}})
    assert "restore_seconds" in of_unknown_age and "data_age" not in of_unknown_age
    assert "restore_seconds" not in status.metrics(MANIFEST)


@pytest.mark.parametrize(
    ("manifest", "unproven", "quorum_lost"),
    [
        (MANIFEST, 0, 0),
        (PROVED, 0, 0),
        ({**MANIFEST, "proof": None}, 1, 0),
        ({**PROVED, "quorum_lost": True}, 0, 1),
        ({**PROVED, "quorum_lost": False}, 0, 0),
    ],
)
def test_metrics_of_any_snapshot_claim_no_success(manifest: dict[str, Any], unproven: int, quorum_lost: int) -> None:
    text = status.metrics(manifest, success=False)
    assert [line for line in text.splitlines() if not line.startswith("#")] == [
        'kubeops_etcd_backup_last_timestamp_seconds{cluster="prod"} 1795222800',
        f'kubeops_etcd_backup_unproven{{cluster="prod"}} {unproven}',
        f'kubeops_etcd_backup_quorum_lost{{cluster="prod"}} {quorum_lost}',
    ]


def test_no_series_is_in_both_files() -> None:
    """The node exporter takes no series twice."""
    series = [
        line.split()[0]
        for text in (status.metrics(PROVED), status.metrics(PROVED, success=False))
        for line in text.splitlines()
        if not line.startswith("#")
    ]
    assert len(series) == len(set(series)) == 9


def test_line() -> None:
    start = "etcd prod: /s.db at revision 1301, 3.0 MiB in 0.8 s from cp2 "
    start += "(the healthy follower with the highest raft index)"
    assert status.line("/s.db", MANIFEST) == start
    proved = f"{start}, restored on trial in 2.5 s, its data 4.1 s old then"
    assert status.line("/s.db", PROVED, 1) == f"{proved}, shipped to 1 place"
    of_unknown_age = {**MANIFEST, "proof": {"restore_seconds": 2.5}}
    assert status.line("/s.db", of_unknown_age) == f"{start}, restored on trial in 2.5 s"
    assert status.line("/s.db", {**MANIFEST, "proof": None}, 1) == f"{start}, NOT proven, shipped to 1 place"
    assert status.line("/s.db", {**MANIFEST, "quorum_lost": True}).startswith("etcd prod (quorum is lost): /s.db at")
    assert status.line("/s.db", MANIFEST, 2) == f"{start}, shipped to 2 places"
