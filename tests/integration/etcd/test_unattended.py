# SPDX-License-Identifier: GPL-3.0-or-later
"""The backup that a node takes by itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.kubeops.cluster.plugins.module_utils._core.errors import KubeopsError
from ansible_collections.kubeops.cluster.plugins.module_utils._ship import unattended

from tests.embedded_etcd import EtcdCluster

DEAD = {
    "type": "s3", "endpoint": "http://127.0.0.1:1", "bucket": "bucket",
    "access_key": "AKIAIOSFODNN7EXAMPLE", "secret_key": "secret",
}  # fmt: skip


def settings(cluster: EtcdCluster, directory: Path, **more: Any) -> dict[str, Any]:
    """What the role writes for the timer; one hourly snapshot is kept, and nothing is proven."""
    taking = {"schedule": "hourly", "prove": False, "canary": "", "member": cluster.members[0].name, "host": "cp1"}
    taking["kubernetes_version"] = "v1.36.3"
    packing = {"compression": "none", "encryption": "none", "encryption_file": ""}
    programs = {"bin_dir": "", "image": "", "metric_directory": ""}
    where = {"endpoints": [cluster.members[0].url], "directory": str(directory), **cluster.authority.options()}
    kept = {"cluster_name": "prod", "retention": {"hourly": {"count": 1}}, "targets": []}
    return {**taking, **packing, **programs, **where, **kept, **more}


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.glob("*.db"))


def test_a_place_that_is_away_does_not_fill_the_disk(single: EtcdCluster, tmp_path: Path) -> None:
    older = "etcd-prod-20261101T010000Z-hourly.db", "etcd-other-20261101T010000Z-hourly.db"
    for name in older:
        (tmp_path / name).write_bytes(b"old")
    with pytest.raises(KubeopsError, match="did not get to 1 of 1 places"):
        unattended.run(settings(single, tmp_path, targets=[DEAD]))
    left = names(tmp_path)
    assert len(left) == 2 and left[0] == older[1] and left[1].startswith("etcd-prod-"), left
    assert left[1] != older[0]
    assert json.loads((tmp_path / f"{left[1]}.json").read_text())["kubernetes_version"] == "v1.36.3"
