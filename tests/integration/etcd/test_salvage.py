# SPDX-License-Identifier: GPL-3.0-or-later
"""A snapshot from the disk of a member that does not run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests import ansible_module
from tests.embedded_etcd import EtcdCluster, binaries


def test_of_three_killed_members_the_disk_of_one_has_what_a_quorum_agreed_to(
    make_cluster: Callable[..., EtcdCluster], tmp_path: Path
) -> None:
    cluster = make_cluster(3)
    for number in range(100):
        cluster.put(b"/k/%d" % number, b"value")
    survivor = cluster.members[2]
    directory = cluster.folder / survivor.name
    wanted = {
        "data_dir": str(directory), "name": survivor.name, "directory": str(tmp_path),
        "bin_dir": str(binaries()[-1].parent),
    }  # fmt: skip
    refused = ansible_module.run("etcd_salvage", wanted)
    assert refused["rule"] == "etcd_runs"

    cluster.stop()  # without a farewell
    before = sorted(path.name for path in directory.iterdir())
    saved = ansible_module.run("etcd_salvage", wanted)
    # Heartbeats told the member that a quorum has all but perhaps the last of the writes.
    assert saved["manifest"]["revision"] >= 100, saved
    assert saved["manifest"]["quorum_lost"]
    assert sorted(path.name for path in directory.iterdir()) == before
    verified = ansible_module.run("etcd_snapshot", {"state": "verified", "path": saved["snapshot"]})
    assert verified["verification"]["proven_by"] == "trailer"
    assert ansible_module.run("etcd_salvage", {**wanted, "data_dir": str(tmp_path)})["rule"] == "no_data"
