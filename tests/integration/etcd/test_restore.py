# SPDX-License-Identifier: GPL-3.0-or-later
"""etcd_restore against real etcd: restored, restored again, and killed at every step."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.kubeops.cluster.plugins.module_utils._core.runner import Programs, Runner
from ansible_collections.kubeops.cluster.plugins.module_utils._etcd import keep, restore
from ansible_collections.kubeops.cluster.plugins.module_utils._etcd.packing import Packer
from ansible_collections.kubeops.cluster.plugins.module_utils._etcd.programs import Source

from tests import ansible_module
from tests.embedded_etcd import EtcdCluster, binaries

BUMP = 1_000_000
LEAST_CHANGES = 7  # directory, etcdutl, mark, and the four renames and removals
ROOT = Path(__file__).parents[3]
RESTORED = {"name": "m1", "initial_cluster": {"m1": "https://127.0.0.1:2380"}, "bump_revision": BUMP}


@pytest.fixture(scope="module")
def taken(single: EtcdCluster, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A good snapshot with its manifest."""
    if not binaries()[-1].with_name("etcdutl").is_file():
        pytest.skip("no etcdutl beside etcd")
    gateway, chosen = keep.choose([single.gateway()], "")
    directory = tmp_path_factory.mktemp("taken")
    return keep.take(gateway, chosen, keep.Request(str(directory), "test", "manual"))[0]


def options(taken: str, cluster: EtcdCluster, number: int = 0, **more: Any) -> dict[str, Any]:
    """Options for restoring one member of a cluster from a snapshot."""
    member = cluster.members[number]
    return {
        "snapshot": taken,
        "name": member.name,
        "initial_cluster": cluster.peers(),
        "data_dir": str(cluster.folder / member.name),
        "bin_dir": str(binaries()[-1].parent),
        "bump_revision": BUMP,
        **more,
    }


def served_revision(data_dir: str) -> int:
    """The highest revision that clients can have seen."""
    found = ansible_module.run("etcd_data_facts", {"data_dir": data_dir, "identify": False})
    return int(found["data"]["served_revision"])


def content(directory: str) -> list[str]:
    """Names in a data directory, times of day left out."""
    return sorted(path.name.split(".20")[0] for path in Path(directory).iterdir())


def test_three_members_from_one_snapshot(
    taken: str, single: EtcdCluster, make_cluster: Callable[..., EtcdCluster]
) -> None:
    cluster = make_cluster(3)
    cluster.put(b"/later", b"is lost")
    running = ansible_module.run("etcd_restore", options(taken, cluster))
    assert running["failed"] and running["rule"] == "etcd_runs", running
    planned = ansible_module.run("etcd_restore", options(taken, cluster, state="planned"))
    assert not planned["failed"] and not planned["changed"] and planned["plan"], planned
    seen = int(cluster.gateway().status()["header"]["revision"]) + 5 * BUMP
    cluster.stop()
    for number in range(3):
        wanted = options(taken, cluster, number, above_revision=seen)
        predicted = ansible_module.run("etcd_restore", wanted, check=True)
        assert predicted["changed"] and content(wanted["data_dir"]) == ["member"]
        restored = ansible_module.run("etcd_restore", wanted)
        assert restored["changed"] and restored["plan"] == predicted["plan"], restored
        assert Path(restored["kept"], "wal").is_dir()
        assert served_revision(wanted["data_dir"]) == seen
        again = ansible_module.run("etcd_restore", wanted)
        assert not again["changed"] and not again["plan"], again
    cluster.start()
    assert {cluster.hash_of(number) for number in range(3)} == {cluster.hash_of(0)}
    status = cluster.gateway().status()
    assert int(status["header"]["revision"]) == restored["revision"] == seen + BUMP
    assert status["header"]["cluster_id"] == restored["cluster_id"]
    assert cluster.get(b"/later") is None
    assert cluster.get(b"/registry/configmaps/7") == single.get(b"/registry/configmaps/7")
    cluster.stop()
    assert served_revision(wanted["data_dir"]) == seen + BUMP
    started_since = ansible_module.run("etcd_restore", options(taken, cluster), check=True)
    assert started_since["changed"], "data that etcd has worked on is not the snapshot's any more"


def test_refused_before_anything_is_stopped(taken: str, tmp_path: Path) -> None:
    wanted = {**RESTORED, "snapshot": taken, "data_dir": str(tmp_path), "state": "planned"}
    nowhere = ansible_module.run("etcd_restore", {**wanted, "bin_dir": str(tmp_path)})
    assert nowhere["failed"] and "etcdutl of etcd is not on this node" in nowhere["msg"], nowhere
    wanted["bin_dir"] = str(binaries()[-1].parent)
    other = ansible_module.run("etcd_restore", {**wanted, "expect_sha256": "0" * 64})
    assert other["rule"] == "another_snapshot"
    old = tmp_path / "old"
    old.mkdir()
    (old / "etcdutl").write_text("#!/bin/sh\necho '--skip-hash-check'\n")
    (old / "etcdutl").chmod(0o755)
    assert ansible_module.run("etcd_restore", {**wanted, "bin_dir": str(old)})["rule"] == "no_bump"


# Python tells an audit hook of whatever changes files or starts programs, before it happens.
KILLED = """
import json, os, sys
from pathlib import Path
from tests.integration.etcd.test_restore import restored
options, fatal = json.loads(sys.argv[1]), int(sys.argv[2])
CHANGES = ("os.rename", "os.rmdir", "os.mkdir", "os.remove", "shutil.rmtree", "subprocess.Popen")
seen = 0
def hook(event, arguments):
    global seen
    if event in CHANGES and options["data_dir"] in repr(arguments):
        seen += 1
        if seen == fatal:
            os.kill(os.getpid(), 9)
sys.addaudithook(hook)
restored(options)
"""


def old_member(directory: Path) -> Path:
    """A data directory with something in it that must not get lost."""
    (directory / "member" / "snap").mkdir(parents=True)
    (directory / "member" / "snap" / "db").write_text("old data")
    return directory


def test_killed_before_every_change_and_run_again(taken: str, tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([os.environ["ANSIBLE_COLLECTIONS_PATH"], str(ROOT)])}
    for fatal in range(1, 100):
        directory = old_member(tmp_path / str(fatal))
        wanted = {**RESTORED, "snapshot": taken, "data_dir": str(directory), "bin_dir": str(binaries()[-1].parent)}
        argv = [sys.executable, "-c", KILLED, json.dumps(wanted), str(fatal)]
        ended = subprocess.run(argv, env=environment, check=False, capture_output=True, text=True)
        assert ended.returncode in (0, -9), ended.stderr
        result = restored(wanted)
        assert content(str(directory)) == ["member", "member", "restored.json"], fatal
        assert [path.read_text() for path in directory.glob("member.*/snap/db")] == ["old data"]
        assert not restored(wanted)["changed"]
        if ended.returncode == 0:
            assert not result["changed"] and fatal > LEAST_CHANGES, fatal
            return
    pytest.fail("it never came to its end")


def restored(wanted: dict[str, Any]) -> dict[str, Any]:
    """Restore in this process."""
    runner = Runner(Programs())
    names = ("snapshot", "data_dir", "name", "initial_cluster", "bump_revision")
    request = restore.Request(**{name: wanted[name] for name in names})
    return restore.run(request, Source(runner, wanted["bin_dir"]), Packer(runner), act=True)
