# SPDX-License-Identifier: GPL-3.0-or-later
"""The backup that a node takes by itself."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.kubeops.cluster.plugins.module_utils._core.errors import KubeopsError
from ansible_collections.kubeops.cluster.plugins.module_utils._ship import unattended

from tests.embedded_etcd import EtcdCluster, binaries

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


def test_what_cannot_be_proven_goes_its_way_and_does_not_fill_the_disk(single: EtcdCluster, tmp_path: Path) -> None:
    here, metrics, none = tmp_path / "here", tmp_path / "metrics", tmp_path / "none"
    for made in (metrics, none):
        made.mkdir()
    proving = settings(single, here, prove=True, bin_dir=str(binaries()[-1].parent), metric_directory=str(metrics))
    assert "restored on trial in" in unattended.run(proving)
    (proven,) = names(here)
    success = (metrics / "kubeops_etcd_backup.prom").read_text()
    assert 'unproven{cluster="prod"} 0' in (metrics / "kubeops_etcd_backup_last.prom").read_text()
    unproven = set()
    for __ in range(3):
        time.sleep(1.1)  # names have whole seconds
        with pytest.raises(KubeopsError, match="could not be proven: etcd and etcdutl of etcd are not"):
            unattended.run({**proving, "bin_dir": str(none)})
        kept = names(here)
        assert len(kept) == 2 and kept[0] == proven
        unproven.add(kept[1])
    assert len(unproven) == 3, "the newest stays"
    assert (metrics / "kubeops_etcd_backup.prom").read_text() == success
    assert 'unproven{cluster="prod"} 1' in (metrics / "kubeops_etcd_backup_last.prom").read_text()
    time.sleep(1.1)
    with pytest.raises(KubeopsError, match=r"could not be proven.*did not get to 1 of 1 places"):
        unattended.run({**proving, "bin_dir": str(none), "targets": [DEAD]})
    time.sleep(1.1)
    unattended.run(proving)
    (newest,) = names(here)
    assert newest not in {proven, *unproven}


def test_a_quorum_that_is_lost_is_told_of(make_cluster: Callable[..., EtcdCluster], tmp_path: Path) -> None:
    cluster = make_cluster(2)
    cluster.members[1].kill()
    asked = settings(cluster, tmp_path, metric_directory=str(tmp_path))
    deadline = time.monotonic() + 60
    while " (quorum is lost): " not in (line := unattended.run(asked)):
        assert time.monotonic() < deadline, line
        time.sleep(1.1)
    assert "from m1 (the member of this host)" in line
    assert 'quorum_lost{cluster="prod"} 1' in (tmp_path / "kubeops_etcd_backup_last.prom").read_text()
