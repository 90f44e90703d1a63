# SPDX-License-Identifier: GPL-3.0-or-later
"""Snapshots proven by an etcd that starts on them, packed ones, and etcd without its gateway."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.kubeops.cluster.plugins.module_utils._core import workdir
from ansible_collections.kubeops.cluster.plugins.module_utils._etcd import throwaway

from tests import ansible_module
from tests.embedded_etcd import EtcdCluster, binaries

PROGRAMS = str(binaries()[-1].parent) if binaries() else ""


def snapshot(cluster: EtcdCluster, directory: Path, **more: Any) -> dict[str, Any]:
    """Run etcd_snapshot."""
    where = {"endpoints": [cluster.members[0].url], "directory": str(directory), "bin_dir": PROGRAMS}
    return ansible_module.run("etcd_snapshot", {**where, **cluster.authority.options(), **more})


def left_behind() -> list[str]:
    """Directories of proofs, and processes in them."""
    found = [str(path) for path in Path(workdir.room()).glob(f"{throwaway.WORK_PREFIX}*")]
    processes = [path.parent for path in Path("/proc").glob("[0-9]*/cwd")]
    return found + [str(process) for process in processes if throwaway.WORK_PREFIX in works_in(process)]


def works_in(process: Path) -> str:
    """The working directory of a process, empty once it has ended."""
    try:
        return str((process / "cwd").readlink())
    except OSError:
        return ""


def test_proven_while_taken_and_once_more_later(single: EtcdCluster, tmp_path: Path) -> None:
    taken = snapshot(single, tmp_path, prove=True, canary="/registry/namespaces/kube-system")
    proof = taken["proof"]
    assert proof == taken["manifest"]["proof"]
    assert proof["compared"] == ["revision", "keys", "hash"], proof
    assert proof["keys"] == taken["manifest"]["keys"]["count"] == 201
    assert proof["canary"]["key"] == "/registry/namespaces/kube-system"
    assert 0 < proof["restore_seconds"] <= proof["seconds"] and proof["data_age_seconds"] > 0
    assert left_behind() == []
    manifest = Path(f"{taken['snapshot']}.json")
    told = json.loads(manifest.read_text())
    assert snapshot(single, tmp_path, state="verified", prove=True)["proof"]["hash"] == told["keys"]["hash"]
    told["keys"]["hash"] += 1
    manifest.write_text(json.dumps(told))
    other = snapshot(single, tmp_path, state="verified", prove=True)
    assert other["failed"] and f"hash is {proof['hash']}" in other["seen"], other
    missing = snapshot(single, tmp_path / "none", prove=True, canary="/no/such/key")
    assert missing["failed"] and missing["check"] == "canary"
    assert left_behind() == [] and list((tmp_path / "none").glob("*.db*")) == []


def test_without_programs_a_snapshot_is_kept_and_nothing_proven_removed_behind_it(
    single: EtcdCluster, tmp_path: Path
) -> None:
    earlier = snapshot(single, tmp_path, prove=True)["snapshot"]
    time.sleep(1)  # names have whole seconds
    (tmp_path / "none").mkdir()
    unproven = snapshot(single, tmp_path, prove=True, bin_dir=str(tmp_path / "none"))
    assert unproven["failed"] and "could not be proven: etcd and etcdutl of etcd are not" in unproven["msg"], unproven
    assert unproven["changed"] and unproven["proof"] is None
    kept = snapshot(single, tmp_path, state="listed")["snapshots"]
    assert [entry["condition"] for entry in kept] == ["complete"] * 2
    assert kept[-1]["manifest"]["proof"] is None
    assert (kept[-1]["path"], kept[-1]["manifest"]) == (unproven["snapshot"], unproven["manifest"])
    thinned = {"state": "pruned", "retention": {"manual": {"count": 1}}}
    assert not snapshot(single, tmp_path, **thinned)["changed"]
    time.sleep(1)
    newest = snapshot(single, tmp_path, prove=True)["snapshot"]
    assert [entry["path"] for entry in snapshot(single, tmp_path, **thinned)["pruned"]] == [earlier, kept[-1]["path"]]
    assert [str(path) for path in tmp_path.glob("*.db")] == [newest]


def test_what_a_killed_proof_leaves_is_removed_by_the_next(single: EtcdCluster, tmp_path: Path) -> None:
    taken = snapshot(single, tmp_path)
    wanted = {"state": "verified", "prove": True, "path": taken["snapshot"], "bin_dir": PROGRAMS}
    argv = [sys.executable, "-m", f"{ansible_module.MODULES}.etcd_snapshot"]
    environment = {**os.environ, "PYTHONPATH": os.environ["ANSIBLE_COLLECTIONS_PATH"]}
    module = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, env=environment)
    assert module.stdin
    module.stdin.write(json.dumps({"ANSIBLE_MODULE_ARGS": wanted}).encode())
    module.stdin.close()
    deadline = time.monotonic() + 60
    while not list(Path(workdir.room()).glob(f"{throwaway.WORK_PREFIX}*/pid")):
        assert module.poll() is None and time.monotonic() < deadline
        time.sleep(0.01)
    module.send_signal(signal.SIGKILL)
    module.wait()
    assert left_behind()
    assert not ansible_module.run("etcd_snapshot", wanted)["failed"]
    assert left_behind() == []


@pytest.mark.parametrize(
    ("compression", "encryption", "suffix"),
    [
        ("gzip", "none", ".db.gz"),
        ("zstd", "none", ".db.zst"),
        ("none", "openssl", ".db.enc"),
        ("zstd", "age", ".db.zst.age"),
    ],
)
def test_packed(single: EtcdCluster, tmp_path: Path, compression: str, encryption: str, suffix: str) -> None:
    for program in {compression, encryption} - {"none", "gzip"}:
        if shutil.which(program) is None:
            pytest.skip(f"no {program}")
    keys = key_files(encryption, tmp_path)
    kept = tmp_path / "kept"
    taken = snapshot(single, kept, compression=compression, encryption=encryption, encryption_file=keys[0])
    path = Path(taken["snapshot"])
    assert path.name.endswith(suffix) and path.stat().st_mode & 0o777 == 0o600
    assert sorted(left.name for left in kept.iterdir()) == [".lock", path.name, f"{path.name}.json"]
    assert taken["manifest"]["stored"]["size"] == path.stat().st_size
    if encryption != "none":
        assert b"kube-system" not in path.read_bytes()
        refused = snapshot(single, kept, state="verified")
        assert refused["failed"] and refused["rule"] == "packing_key", refused
    verified = snapshot(single, kept, state="verified", decryption_file=keys[1])
    assert verified["verification"]["sha256"] == taken["manifest"]["sha256"], verified
    (listed,) = snapshot(single, kept, state="listed")["snapshots"]
    assert listed["condition"] == "complete" and listed["schedule"] == "manual"
    without_key = {"state": "stored", "path": str(path)}
    assert ansible_module.run("etcd_snapshot", without_key)["manifest"] == taken["manifest"]
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    assert "a byte was changed" in ansible_module.run("etcd_snapshot", without_key)["seen"]
    flipped = snapshot(single, kept, state="verified", decryption_file=keys[1])
    assert flipped["failed"] and "a byte was changed" in flipped["msg"], flipped


def key_files(encryption: str, folder: Path) -> tuple[str | None, str | None]:
    """What encrypts, and what decrypts."""
    secret = folder / "secret"
    if encryption == "openssl":
        secret.write_text("correct horse battery staple\n")
        return str(secret), str(secret)
    if encryption == "age":
        subprocess.run(["age-keygen", "-o", str(secret)], check=True, capture_output=True)
        public = subprocess.run(["age-keygen", "-y", str(secret)], check=True, capture_output=True, text=True).stdout
        (folder / "recipients").write_text(public)
        return str(folder / "recipients"), str(secret)
    return None, None


def test_a_gateway_that_is_switched_off(make_cluster: Callable[..., EtcdCluster], tmp_path: Path) -> None:
    cluster = make_cluster(wait=False, more=("--enable-grpc-gateway=false",))
    deadline = time.monotonic() + 60
    while (taken := snapshot(cluster, tmp_path, prove=True, schedule="daily"))["failed"]:
        assert time.monotonic() < deadline, taken
    assert taken["manifest"]["member"]["name"] == "m1"
    assert "hash" in taken["proof"]["compared"]
    without = {"endpoints": [cluster.members[0].url], "directory": str(tmp_path), **cluster.authority.options()}
    refused = ansible_module.run("etcd_snapshot", {**without, "bin_dir": str(tmp_path)})
    assert refused["failed"] and "etcdctl" in refused["msg"], refused


def test_a_gateway_that_is_switched_off_and_a_quorum_that_is_lost(
    make_cluster: Callable[..., EtcdCluster], tmp_path: Path
) -> None:
    cluster = make_cluster(2, wait=False, more=("--enable-grpc-gateway=false",))
    deadline = time.monotonic() + 60
    while snapshot(cluster, tmp_path)["failed"]:
        assert time.monotonic() < deadline
    cluster.members[1].kill()
    while not (taken := snapshot(cluster, tmp_path)).get("quorum_lost"):
        assert time.monotonic() < deadline and not taken["failed"], taken
    assert (taken["manifest"]["member"]["name"], taken["voters"]) == ("m1", 2)
