# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A backup as text: the metric for Prometheus and the line for people (pure)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

MIB = 1024 * 1024
METRIC_FILE = "kubeops_etcd_backup.prom"


def metrics(manifest: Mapping[str, Any]) -> str:
    """Return the metric file of the node exporter's textfile collector, by the manifest of the last snapshot."""
    taken_at = int(datetime.fromisoformat(manifest["taken_at"]).timestamp())
    rows: list[tuple[str, str, Any]] = [
        ("last_success_timestamp_seconds", "When the last verified snapshot was taken.", taken_at),
        ("size_bytes", "Size of that snapshot.", manifest["size"]),
        ("duration_seconds", "How long taking and verifying it took.", manifest["duration_seconds"]),
        ("revision", "etcd revision it holds.", manifest["revision"]),
    ]  # fmt: skip
    if manifest.get("proof"):
        seconds = manifest["proof"]["restore_seconds"]
        rows.append(("restore_seconds", "How long its trial restore took.", seconds))
    label = f'{{cluster="{manifest["cluster_name"]}"}}'
    lines = ["# Managed by kubeops.cluster"]
    for name, help_text, value in rows:
        full = f"kubeops_etcd_backup_{name}"
        lines += [f"# HELP {full} {help_text}", f"# TYPE {full} gauge", f"{full}{label} {value}"]
    return "\n".join(lines) + "\n"


def line(path: str, manifest: Mapping[str, Any], shipped: int = 0) -> str:
    """Return the one line of a run."""
    member = manifest["member"]
    words = [
        f"etcd {manifest['cluster_name']}: {path} at revision {manifest['revision']}, {manifest['size'] / MIB:.1f} MiB",
        f"in {manifest['duration_seconds']} s from {member['name']} ({member['reason']})",
    ]
    if manifest.get("proof"):
        words.append(f"restored on trial in {manifest['proof']['restore_seconds']} s")
    if shipped:
        words.append(f"shipped to {shipped} place{'s' * (shipped > 1)}")
    return " ".join(words[:2]) + "".join(f", {word}" for word in words[2:])
