# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A snapshot from a data directory whose etcd does not run any more.

The database alone lacks what stands in the log beside it. So an etcd is started on a copy, on the loopback
address and as a cluster of its own (``--force-new-cluster``), which reads the log as far as it knows that a
quorum had agreed, and the snapshot is taken from it.
https://etcd.io/docs/v3.6/op-guide/recovery/
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .._core import clock, workdir
from .._core.errors import KubeopsError, Refusal
from .._core.runner import Runner
from . import keep, leash
from .gateway import Gateway
from .ondisk import is_open
from .programs import Source

PREFIX = ".salvage-"
POLL_SECONDS = 0.5
STOP_SECONDS = 30.0
LOG_LINES = 10


@dataclass(frozen=True)
class Salvage:
    """What to save: the data directory of a member, and how long its etcd may take to read it (seconds)."""

    data_dir: str
    name: str
    timeout: float


def run(wanted: Salvage, source: Source, request: keep.Request) -> tuple[str, dict[str, Any]]:
    """Take the snapshot; returns its path and its manifest. The data directory stays as it is."""
    database = Path(wanted.data_dir, "member", "snap", "db")
    _refuse(database)
    with source.at_hand(["etcd"]) as programs, workdir.work_directory(wanted.data_dir, PREFIX) as work:
        shutil.copytree(Path(wanted.data_dir, "member"), Path(work, "member"))
        with _serving(programs["etcd"], wanted, work, source.runner) as gateway:
            member, chosen = keep.choose([gateway], "")
            return keep.take(member, chosen, request)


def _refuse(database: Path) -> None:
    if not database.exists():
        raise Refusal("there is no data of a member", seen=f"{database} is missing", rule="no_data")
    if is_open(database):
        raise Refusal(
            "etcd runs on this data",
            seen=f"{database} is locked",
            fix="take a snapshot from it with etcd_snapshot, or stop it",
            rule="etcd_runs",
        )
    size = sum(path.stat().st_size for path in database.parents[1].rglob("*") if path.is_file())
    free = shutil.disk_usage(database).free
    if free < size:
        raise Refusal(
            "there is no room for a copy of the data",
            seen=f"{size // 2**20} MiB are needed beside it, {free // 2**20} are free",
            fix="make room on the disk of the data directory",
            rule="no_room",
        )


@contextmanager
def _serving(etcd: str, wanted: Salvage, data_dir: str, runner: Runner) -> Iterator[Gateway]:
    """An etcd on the copy, until the snapshot is taken."""
    client, peer = (f"http://127.0.0.1:{port}" for port in _free_ports())
    words = [
        etcd, f"--name={wanted.name}", f"--data-dir={data_dir}", "--force-new-cluster", "--log-level=warn",
        f"--listen-client-urls={client}", f"--advertise-client-urls={client}", f"--listen-peer-urls={peer}",
    ]  # fmt: skip
    log = Path(data_dir, "log")
    with log.open("wb") as output:
        process = subprocess.Popen(  # pylint: disable=ansible-bad-function
            leash.held(runner, words), stdout=output, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL
        )
        try:
            gateway = Gateway(client, "", "", "")
            _wait(gateway, process, log, wanted.timeout)
            yield gateway
        finally:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait(gateway: Gateway, process: subprocess.Popen[bytes], log: Path, timeout: float) -> None:
    deadline = clock.monotonic() + timeout
    while process.poll() is None and clock.monotonic() < deadline:
        try:
            if str(gateway.status().get("leader", "0")) != "0":
                return
        except KubeopsError:
            pass  # not yet
        time.sleep(POLL_SECONDS)
    said = log.read_text(encoding="utf-8", errors="replace").splitlines()[-LOG_LINES:]
    raise KubeopsError(
        "etcd cannot read the data that is left", seen="\n".join(said), fix="try the data of another member"
    )


def _free_ports() -> list[int]:
    """Two ports that are free now."""
    with socket.socket() as one, socket.socket() as two:
        for opened in (one, two):
            opened.bind(("127.0.0.1", 0))
        return [int(opened.getsockname()[1]) for opened in (one, two)]
