# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A backup as text: the metric for Prometheus and the line for people (pure)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from .._etcd.retention import is_unproven

MIB = 1024 * 1024
# What is said of a success stays in its file when the next snapshot is none.
METRIC_FILE = "kubeops_etcd_backup.prom"
LAST_METRIC_FILE = "kubeops_etcd_backup_last.prom"


def metrics(manifest: Mapping[str, Any], *, success: bool = True) -> str:
    """Return a file for the node exporter's textfile collector, by the manifest of the last snapshot.

    success: what is said of a success, or else what is said of any snapshot, see METRIC_FILE and LAST_METRIC_FILE.
    """
    taken_at = int(datetime.fromisoformat(manifest["taken_at"]).timestamp())
    rows = _of_success(manifest, taken_at) if success else _of_any(manifest, taken_at)
    label = f'{{cluster="{manifest["cluster_name"]}"}}'
    lines = ["# Managed by kubeops.cluster"]
    for name, help_text, value in rows:
        full = f"kubeops_etcd_backup_{name}"
        lines += [f"# HELP {full} {help_text}", f"# TYPE {full} gauge", f"{full}{label} {value}"]
    return "\n".join(lines) + "\n"


def _of_success(manifest: Mapping[str, Any], taken_at: int) -> list[tuple[str, str, Any]]:
    rows: list[tuple[str, str, Any]] = [
        ("last_success_timestamp_seconds", "When the last verified snapshot was taken.", taken_at),
        ("size_bytes", "Size of that snapshot.", manifest["size"]),
        ("duration_seconds", "How long taking and verifying it took.", manifest["duration_seconds"]),
        ("revision", "etcd revision it holds.", manifest["revision"]),
    ]  # fmt: skip
    if manifest.get("proof"):
        rows.append(("restore_seconds", "How long its trial restore took.", manifest["proof"]["restore_seconds"]))
        age = manifest["proof"].get("data_age_seconds")
        if age is not None:
            rows.append(("data_age_when_proven_seconds", "How old its data was once that had ended.", age))
    return rows


def _of_any(manifest: Mapping[str, Any], taken_at: int) -> list[tuple[str, str, Any]]:
    return [
        ("last_timestamp_seconds", "When this host's last snapshot was taken, proven or not.", taken_at),
        ("unproven", "Whether that one was to be proven, and could not be.", int(is_unproven(manifest))),
        ("quorum_lost", "Whether etcd had no quorum then.", int(bool(manifest.get("quorum_lost")))),
    ]


def line(path: str, manifest: Mapping[str, Any], shipped: int = 0) -> str:
    """Return the one line of a run."""
    member, proof = manifest["member"], manifest.get("proof")
    name = manifest["cluster_name"] + " (quorum is lost)" * bool(manifest.get("quorum_lost"))
    words = [
        f"etcd {name}: {path} at revision {manifest['revision']}, {manifest['size'] / MIB:.1f} MiB",
        f"in {manifest['duration_seconds']} s from {member['name']} ({member['reason']})",
    ]
    if proof:
        words.append(f"restored on trial in {proof['restore_seconds']} s")
    if proof and proof.get("data_age_seconds") is not None:
        words.append(f"its data {proof['data_age_seconds']} s old then")
    if is_unproven(manifest):
        words.append("NOT proven")
    if shipped:
        words.append(f"shipped to {shipped} place{'s' * (shipped > 1)}")
    return " ".join(words[:2]) + "".join(f", {word}" for word in words[2:])
