# SPDX-License-Identifier: GPL-3.0-or-later
"""A backup as a metric and as a line."""

from __future__ import annotations

from typing import Any

from ansible_collections.kubeops.cluster.plugins.module_utils._ship import status

MANIFEST: dict[str, Any] = {
    "cluster_name": "prod", "taken_at": "2026-11-21T01:00:00+00:00", "size": 3 * 1024 * 1024, "duration_seconds": 0.8,
    "revision": 1301, "member": {"name": "cp2", "reason": "the healthy follower with the highest raft index"},
}  # fmt: skip
PROVED = {**MANIFEST, "proof": {"restore_seconds": 2.5}}


def test_metrics() -> None:
    samples = [line for line in status.metrics(PROVED).splitlines() if not line.startswith("#")]
    assert samples == [
        'kubeops_etcd_backup_last_success_timestamp_seconds{cluster="prod"} 1795222800',
        'kubeops_etcd_backup_size_bytes{cluster="prod"} 3145728',
        'kubeops_etcd_backup_duration_seconds{cluster="prod"} 0.8',
        'kubeops_etcd_backup_revision{cluster="prod"} 1301',
        'kubeops_etcd_backup_restore_seconds{cluster="prod"} 2.5',
    ]
    assert "restore_seconds" not in status.metrics(MANIFEST)


def test_line() -> None:
    start = "etcd prod: /s.db at revision 1301, 3.0 MiB in 0.8 s from cp2 "
    start += "(the healthy follower with the highest raft index)"
    assert status.line("/s.db", MANIFEST) == start
    assert status.line("/s.db", PROVED, 1) == f"{start}, restored on trial in 2.5 s, shipped to 1 place"
    assert status.line("/s.db", MANIFEST, 2) == f"{start}, shipped to 2 places"
