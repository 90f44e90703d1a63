# SPDX-License-Identifier: GPL-3.0-or-later
"""Backups of the shared cluster: proved, shipped, and taken by the node itself."""

from __future__ import annotations

import json
from pathlib import Path

from .cluster import Cluster

METRICS = "/var/lib/kubeops/metrics"
TAKING = {
    "Take a snapshot, verify it and prove it",
    "Bring snapshot and manifest",
    "Give them their place",
    "Directory on the controller",
    "Metric file",
}


def test_backup_is_proved_and_shipped_and_the_nodes_take_their_own(cluster: Cluster, tmp_path: Path) -> None:
    for node in ("cp1", "cp2", "cp3"):
        cluster.sh(node, f"mkdir -p {METRICS}")
    asked = {
        "etcd_backup_schedule": "daily",
        "etcd_backup_controller_directory": str(tmp_path),
        "etcd_backup_metric_directory": METRICS,
        "etcd_backup_timer": "present",
    }
    run = cluster.run(playbook="backup_etcd", extra=asked)
    assert run.rc == 0, run.tail()
    manifest = json.loads(next(tmp_path.glob("*.db.json")).read_text())
    assert {"revision", "keys", "hash"} <= set(manifest["proof"]["compared"])
    assert "the healthy follower" in manifest["member"]["reason"]

    took = manifest["member"]["name"]
    said = cluster.sh(
        took, "systemctl start kubeops-etcd-backup && journalctl -u kubeops-etcd-backup -o cat --no-pager"
    )
    assert f"from {took} (the member of this host), restored on trial in" in said
    assert "kubeops_etcd_backup_restore_seconds" in cluster.sh(took, f"cat {METRICS}/kubeops_etcd_backup.prom")
    assert "kubeops-etcd-backup.service" in cluster.sh(took, "systemctl list-timers --no-pager")

    again = cluster.run(playbook="backup_etcd", extra=asked)
    assert again.rc == 0, again.tail()
    assert {task.rpartition(" : ")[2] for task, __ in again.changed_tasks} <= TAKING, again.changed_tasks
    for node in ("cp1", "cp2", "cp3"):  # what runs by itself is not for the tests that follow
        cluster.sh(node, "systemctl disable --now kubeops-etcd-backup.timer")
