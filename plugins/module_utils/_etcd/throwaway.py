# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An etcd for a moment: restored from a snapshot, reachable by this user alone, held back, gone afterwards."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

from .._core import clock, files, workdir
from .._core.errors import KubeopsError
from .._core.http import SOCKET_SCHEME
from .._core.runner import Runner, Serving
from . import leash
from .gateway import UNAVAILABLE, Gateway

WORK_PREFIX = ".proof-"
START_SECONDS = 300.0
RESTORE_SECONDS = 3600.0
POLL_SECONDS = 0.1
MEMORY_BEYOND_SNAPSHOT = 2 * 1024**3
# Codes that gRPC's "resource exhausted", "unavailable" and "deadline exceeded" become.
BUSY = (429, UNAVAILABLE, 504)
MEND = "mend that on this node, and take another snapshot"
# Sockets in a directory that only this user may enter: on a port of loopback everyone on the node could read Secrets.
SOCKET = "client:1"
PEER_URL = "http://localhost:1"
ARGUMENTS = (
    "--name=proof", "--data-dir=data", f"--listen-client-urls=unix://{SOCKET}", "--listen-peer-urls=unix://peer:1",
    "--advertise-client-urls=http://localhost:1", f"--initial-advertise-peer-urls={PEER_URL}",
    f"--initial-cluster=proof={PEER_URL}", "--log-level=warn", "--unsafe-no-fsync",
)  # fmt: skip


class NotProvenError(KubeopsError):
    """The node could not try it: that says nothing against the snapshot."""

    @classmethod
    def of(cls, error: KubeopsError) -> NotProvenError:
        """The same, known not to be the snapshot's."""
        return cls(error.what, error.seen, error.fix or MEND, error.details)


@contextmanager
def running(runner: Runner, programs: Mapping[str, str], snapshot: str, *, hashed: bool) -> Iterator[Gateway]:
    """Restore a snapshot, start etcd on it, and hand out a gateway once it answers. hashed: has the trailing hash.

    Raises NotProvenError where the node lacks what that takes, and KubeopsError where etcd does not take the data.
    """
    size = Path(snapshot).stat().st_size
    room = workdir.room()
    workdir.sweep(room, WORK_PREFIX, end_processes)
    _expect_room(room, size)
    with workdir.work_directory(room, WORK_PREFIX, end_processes) as work:
        restore = [programs["etcdutl"], "snapshot", "restore", snapshot, "--name=proof", f"--data-dir={work}/data"]
        restore += [f"--initial-cluster=proof={PEER_URL}", f"--initial-advertise-peer-urls={PEER_URL}"]
        restore += ["--skip-hash-check"] * (not hashed)
        limit = MEMORY_BEYOND_SNAPSHOT + size
        try:
            leash.restore(runner, _held_back(runner, limit, restore), RESTORE_SECONDS, _environment(limit))
        except KubeopsError as error:
            if leash.lacked(error.details.get("rc"), error.seen):
                raise NotProvenError.of(error) from error
            raise
        with _served(runner, programs["etcd"], work, size) as (gateway, serving):
            try:
                yield gateway
            except KubeopsError as error:
                if _unanswered(error) and leash.lacked(_ended(serving), _said(work)):
                    raise NotProvenError.of(error) from error
                raise


def _expect_room(place: str, size: int) -> None:
    free, needed = shutil.disk_usage(place).free, size + leash.ROOM_FOR_LOG
    if free < needed:
        raise NotProvenError(
            f"{place} has no room to restore the snapshot on trial",
            seen=f"{free // 2**20} MiB are free, {needed // 2**20} are needed",
            fix="make room there",
        )


@contextmanager
def started(runner: Runner, etcd: str, work: str, size: int, more: Sequence[str] = ()) -> Iterator[Gateway]:
    """Start etcd on the data in work/data, with more arguments, and hand out a gateway once it answers.

    size: bytes of the database. The caller makes work with end_processes, so that a kill leaves no process.
    """
    with _served(runner, etcd, work, size, more) as (gateway, __):
        yield gateway


@contextmanager
def _served(
    runner: Runner, etcd: str, work: str, size: int, more: Sequence[str] = ()
) -> Iterator[tuple[Gateway, Serving]]:
    limit = MEMORY_BEYOND_SNAPSHOT + size
    words = _held_back(runner, limit, [etcd, *ARGUMENTS, *more])
    with runner.serving(words, f"{work}/log", work, _environment(limit)) as serving:
        Path(work, "pid").write_text(str(serving.pid), encoding="ascii")
        gateway = Gateway(f"{SOCKET_SCHEME}://{quote(f'{work}/{SOCKET}', safe='')}", "", "", "")
        _wait(gateway, serving, work)
        yield gateway, serving


def _unanswered(error: KubeopsError) -> bool:
    """Whether it is for want of an answer. What etcd says of the data, and what was compared, is the data's."""
    return "check" not in error.details and error.details.get("status", UNAVAILABLE) in BUSY


def _ended(serving: Serving) -> int | None:
    """The exit code of a program that may be about to end."""
    time.sleep(POLL_SECONDS)
    return serving.code()


def _said(work: str) -> str:
    """The end of the log."""
    return (files.read_text(f"{work}/log") or "")[-leash.SHOWN :]


def _environment(limit: int) -> dict[str, str]:
    return {"GOMAXPROCS": "1", "GOMEMLIMIT": str(limit)}


def _held_back(runner: Runner, limit: int, argv: list[str]) -> list[str]:
    """With the least weight there is, and in a scope of systemd that limits its memory where one can be had."""
    words = leash.held(runner, ["nice", "-n", "19", *argv])
    if os.geteuid() != 0 or not Path("/run/systemd/system").is_dir():
        return words
    scope = ["systemd-run", "--scope", "--quiet", "--collect", f"--property=MemoryMax={limit}"]
    scope += ["--property=CPUWeight=10", "--property=IOWeight=10"]
    usable = runner.run([*scope, "true"], check=False, timeout=30).rc == 0
    return [*scope, *words] if usable else words


def _wait(gateway: Gateway, serving: Serving, work: str) -> None:
    deadline, seen = clock.monotonic() + START_SECONDS, "it has no leader"
    while serving.alive() and clock.monotonic() < deadline:
        try:
            if str(gateway.status().get("leader", "0")) != "0":
                return
        except KubeopsError as error:
            seen = str(error)
        time.sleep(POLL_SECONDS)
    what, said = "etcd did not start on the snapshot", _said(work) or seen
    if leash.lacked(serving.code(), said):
        raise NotProvenError(what, said, MEND)
    raise KubeopsError(
        what, said, "do not rely on this snapshot; take another one, from another member", details={"check": "proof"}
    )


def end_processes(directory: str) -> None:
    """End the etcd that a killed run left in directory, and wait until it has."""
    text = files.read_text(f"{directory}/pid") or ""
    while text.isdigit() and _works_in(directory, int(text)):
        with suppress(ProcessLookupError):
            os.kill(int(text), signal.SIGKILL)
        time.sleep(POLL_SECONDS)


def _works_in(directory: str, pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/cwd").readlink() == Path(directory)
    except OSError:
        return False
