# SPDX-License-Identifier: GPL-3.0-or-later
"""Backups of the shared cluster: proved, encrypted, shipped, and taken by the node itself."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from .cluster import FULL_ONLY, Cluster

METRICS = "/var/lib/kubeops/metrics"
HERE = "/var/lib/kubeops/etcd-snapshots"
KEY = "/root/.ssh/backup_ed25519"
PASSPHRASE = "/root/backup-passphrase"
TAKING = {
    "Take a snapshot, verify it and prove it",
    "Bring snapshot and manifest",
    "Close them to everybody else",
    "Give them their place",
    "Ship it to the other places",
    "Directory on the controller",
    "Metric file",
    "Metric file of a success",
}


def vault(cluster: Cluster) -> dict[str, object]:
    """w1 as a host for backups, which an account confined to sftp reaches from every control plane."""
    cluster.sh("w1", "id vault >/dev/null 2>&1 || useradd --create-home vault; install -d -o vault -m 0700 ~vault/.ssh")
    keys = [
        cluster.sh(node, f"test -f {KEY} || ssh-keygen -q -t ed25519 -N '' -f {KEY}; cat {KEY}.pub").strip()
        for node in ("cp1", "cp2", "cp3")
    ]
    lines = "\n".join(f'restrict,command="internal-sftp" {key}' for key in keys)
    cluster.sh("w1", f"printf '%s\n' '{lines}' > ~vault/.ssh/authorized_keys; chown -R vault ~vault/.ssh")
    host_key = cluster.sh("w1", "cut -d' ' -f1,2 /etc/ssh/ssh_host_ed25519_key.pub").strip()
    return {
        "type": "ssh", "host": cluster.address("w1"), "user": "vault", "directory": "etcd/lab",
        "key_file": KEY, "host_key": host_key, "retention": {"daily": {"count": 1}},
    }  # fmt: skip


def vaulted(cluster: Cluster, directory: str = "") -> list[str]:
    """Snapshots in the vault, each with its manifest."""
    names = cluster.sh("w1", f"find ~vault/etcd/lab/{directory} -maxdepth 1 -type f -printf '%f\\n'").split()
    snapshots = [name for name in names if name.endswith(".db.enc")]
    assert sorted(names) == sorted([*snapshots, *(f"{name}.json" for name in snapshots)])
    return snapshots


def test_backup_is_proved_and_shipped_and_the_nodes_take_their_own(cluster: Cluster, tmp_path: Path) -> None:
    for node in ("cp1", "cp2", "cp3"):
        cluster.sh(node, f"rm -rf {METRICS}; (umask 077; echo correct horse battery staple > {PASSPHRASE})")
    asked = {
        "etcd_backup_schedule": "daily",
        "etcd_backup_controller_directory": str(tmp_path),
        "etcd_backup_metric_directory": METRICS,
        "etcd_backup_timer": "present",
        "etcd_backup_retention": {"daily": {"count": "7"}, "hourly": {"count": "6"}},
        "etcd_backup_canary": "/registry/namespaces/kube-system",
        "etcd_backup_encryption": "openssl",
        "etcd_backup_encryption_file": PASSPHRASE,
        "etcd_backup_targets": [vault(cluster)],
    }
    run = cluster.run(playbook="backup_etcd", extra=asked)
    assert run.rc == 0, run.tail()
    manifest = json.loads(next(tmp_path.glob("*.db.enc.json")).read_text())
    assert {"revision", "keys", "hash"} <= set(manifest["proof"]["compared"])
    assert manifest["proof"]["canary"]["key"] == asked["etcd_backup_canary"]
    assert "the healthy follower" in manifest["member"]["reason"]

    assert {path.stat().st_mode & 0o777 for path in tmp_path.glob("*.db.enc*")} == {0o600}

    shipped = vaulted(cluster)
    took = manifest["member"]["name"]
    assert len(shipped) == 1
    sums = {
        cluster.sh("w1", f"sha256sum < ~vault/etcd/lab/{shipped[0]}"),
        cluster.sh(took, f"sha256sum < {HERE}/{shipped[0]}"),
    }
    assert len(sums) == 1, "the copy is what was taken"

    said = cluster.sh(
        took, "systemctl start kubeops-etcd-backup && journalctl -u kubeops-etcd-backup -o cat --no-pager"
    )
    assert f"from {took} (the member of this host), restored on trial in" in said
    assert "kubeops_etcd_backup_restore_seconds" in cluster.sh(took, f"cat {METRICS}/kubeops_etcd_backup.prom")
    for node in ("cp1", "cp2", "cp3"):
        assert cluster.sh(node, f"stat -c %a {METRICS}").strip() == "755", "the timer of every host tells there"
    assert "kubeops-etcd-backup.service" in cluster.sh(took, "systemctl list-timers --no-pager")

    again = cluster.run(playbook="backup_etcd", extra=asked)
    assert again.rc == 0, again.tail()
    assert {task.rpartition(" : ")[2] for task, __ in again.changed_tasks} <= TAKING, again.changed_tasks
    assert len(vaulted(cluster, took)) == 1, "the node's own, out of the reach of others' retention"
    (kept,) = vaulted(cluster)
    assert kept != shipped[0], "the older one went once the newer was there"
    for node in ("cp1", "cp2", "cp3"):  # what runs by itself is not for the tests that follow
        cluster.sh(node, "systemctl disable --now kubeops-etcd-backup.timer")


@pytest.mark.parametrize(
    ("step", "after"),
    [
        ("Take a snapshot, verify it and prove it", 1.0),
        pytest.param("Bring snapshot and manifest", 0.5, marks=FULL_ONLY),
        pytest.param("Give them their place", 0.5, marks=FULL_ONLY),
        pytest.param("Ship it to the other places", 1.0, marks=FULL_ONLY),
    ],
)
def test_a_controller_killed_in_a_backup_leaves_nothing_by_half(
    cluster: Cluster, tmp_path: Path, step: str, after: float
) -> None:
    asked = {
        "etcd_backup_schedule": "daily",
        "etcd_backup_controller_directory": str(tmp_path),
        "etcd_backup_targets": [{**vault(cluster), "directory": "etcd/killed"}],
    }
    run = cluster.run(playbook="backup_etcd", extra=asked)
    assert run.rc == 0, run.tail()
    before = {path: path.read_bytes() for path in tmp_path.glob("*.db*")}
    finished = cluster.run_killed_in(step, after, "backup_etcd", asked)
    assert finished is None, f"it ended before it could be killed: {finished.tail() if finished else ''}"
    assert {path: path.read_bytes() for path in before} == before
    for snapshot in tmp_path.glob("*.db"):
        manifest = json.loads(snapshot.with_name(f"{snapshot.name}.json").read_text())
        assert snapshot.stat().st_size == manifest["stored"]["size"]
    run = cluster.run(playbook="backup_etcd", extra=asked)
    assert run.rc == 0, run.tail()
    assert list((tmp_path / ".incoming").iterdir()) == []
    assert ".partial" not in cluster.sh("w1", "ls ~vault/etcd/killed")
    for node in ("cp1", "cp2", "cp3"):
        assert cluster.sh(node, "find /var/tmp -name 'kubeops-etcd-copy.*'") == "", "whoever took the next one"
