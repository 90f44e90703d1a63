# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes a member's data directory from a snapshot, so that a kill at any moment leaves what the next run completes.

In the data directory, in this order:

    restored.N.partial/ etcdutl writes here
    restored/           complete: `member` and `restored.json`, which says of which snapshot, and how the files look
    member.<time>/      the old data, renamed
    member/             the new data, renamed
    restored.json       moved last: the restore is done
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import stat
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .._core import clock, files
from .._core.errors import KubeopsError, Refusal
from .._core.plan import Plan, Step
from .._core.runner import Runner
from . import leash, packed, snapshot
from .packing import Packer
from .programs import Source

RESTORE, KEEP_ASIDE, PLACE, FINISH, CLEAN = "restore", "keep_aside", "place", "finish", "clean"
ETCDUTL = "etcdutl"
MARK = "restored.json"
BLOCK = 512  # bytes, the unit of st_blocks
WATCHES = "the revision does not move past the one clients have seen: restart all that watch, API servers first"


@dataclass(frozen=True)
class Request:
    """What the options of the module ask for; see there."""

    snapshot: str
    data_dir: str
    name: str
    initial_cluster: Mapping[str, str]
    token: str = "etcd-cluster"
    bump_revision: int = 0
    above_revision: int = 0
    mark_compacted: bool = True
    expect_sha256: str = ""
    timeout: float = 1800.0

    def bump(self, revision: int) -> int:
        """By how much a snapshot of this revision is raised: past it, and past what clients have seen since."""
        return self.bump_revision + max(0, self.above_revision - revision) if self.bump_revision else 0

    def identity(self, sha256: str, bump: int) -> str:
        """Tell one restore from another: the same identity gives the same data."""
        told = [sha256, self.name, sorted(self.initial_cluster.items()), self.token, bump, self.mark_compacted]
        return hashlib.sha256(json.dumps(told).encode()).hexdigest()


@dataclass(frozen=True)
class Observed:
    """What is in the data directory.

    Attributes:
        has_data: there is a member.
        current: that member came from this very restore and was never started since.
        ready: a complete restore with this identity waits to be put in its place.
        unfinished: a restore with this identity was put in its place, and only its mark was not moved.
        leftovers: a run that was killed left something.
    """

    has_data: bool
    current: bool
    ready: bool
    unfinished: bool
    leftovers: bool = False


@dataclass(frozen=True)
class Layout:
    """The paths in one data directory."""

    data_dir: str

    @property
    def member(self) -> Path:
        """Where etcd has its data."""
        return Path(self.data_dir, "member")

    @property
    def partial(self) -> Path:
        """Where etcdutl writes: another name for each run, so that one left by a killed run cannot interfere."""
        return Path(self.data_dir, f"restored.{os.getpid()}.partial")

    def leftovers(self) -> list[Path]:
        """What runs that were killed left."""
        return [*Path(self.data_dir).glob("restored.*.partial"), *([self.ready] if self.ready.exists() else [])]

    @property
    def ready(self) -> Path:
        """Where a complete restore waits."""
        return Path(self.data_dir, "restored")

    @property
    def mark(self) -> Path:
        """What tells that a restore is done, and of what."""
        return Path(self.data_dir, MARK)


def run(request: Request, source: Source, packer: Packer, *, act: bool, stopped: bool = True) -> dict[str, Any]:
    """Verify, observe, plan, refuse or act, verify; returns the module's result.

    stopped: etcd has to be stopped already. Without, nothing but that is different, and nobody may act.
    """
    started, layout = clock.monotonic(), Layout(request.data_dir)
    _refuse_unknown_name(request)
    if stopped:
        _refuse_running(layout)
    with source.at_hand([ETCDUTL]) as programs, packed.opened(request.snapshot, packer) as (plain, facts):
        _refuse_other(request, facts)
        _refuse_without_bump(request, source.runner, programs[ETCDUTL])
        bump = request.bump(facts.revision)
        identity = request.identity(facts.sha256, bump)
        decided = plan(layout, observe(layout, identity))
        _refuse_without_room(request, facts, decided)
        kept = str(layout.member) + f".{clock.now():%Y%m%dT%H%M%SZ}" if _has(decided, KEEP_ASIDE) else ""
        if act and stopped and decided.changed:
            steps = _Restore(request, layout, source.runner, programs[ETCDUTL], identity, kept)
            steps.carry_out(decided, plain, facts, bump)
            _verify(layout, identity)
    return {
        **decided.as_result(),
        "kept": kept,
        "verification": facts.as_dict(),
        "revision": facts.revision + bump,
        "cluster_id": cluster_id(request.initial_cluster.values(), request.token),
        "seconds": round(clock.monotonic() - started, 3),
        "warnings": [WATCHES] * (facts.revision + bump <= request.above_revision),
    }


def cluster_id(peer_urls: Iterable[str], token: str) -> str:
    """Return the id, a decimal number, that a cluster made from this token and these peer URLs has (pure).

    genID in https://github.com/etcd-io/etcd/blob/main/server/etcdserver/api/membership/cluster.go, and member.go there.
    """
    members = sorted(_first_64_bits((url + token).encode()) for url in peer_urls)
    return str(int.from_bytes(_first_64_bits(b"".join(members)), "big"))


def _first_64_bits(text: bytes) -> bytes:
    return hashlib.new("sha1", text, usedforsecurity=False).digest()[:8]


def untouched(data_dir: str) -> dict[str, Any]:
    """Return the mark of a restore whose data no etcd was started on since; empty where there is none such."""
    layout = Layout(data_dir)
    mark = _read_mark(layout.mark)
    return mark if mark.get("files") == fingerprint(layout.member) else {}


def observe(layout: Layout, identity: str) -> Observed:
    """Look at the data directory."""
    mark, waiting = _read_mark(layout.mark), _read_mark(layout.ready / MARK)
    has_data = layout.member.exists()
    same = waiting.get("identity") == identity
    return Observed(
        has_data=has_data,
        current=has_data and mark.get("identity") == identity and mark.get("files") == fingerprint(layout.member),
        ready=same and (layout.ready / "member").exists(),
        unfinished=same and not (layout.ready / "member").exists() and has_data,
        leftovers=bool(layout.leftovers()),
    )


def plan(layout: Layout, seen: Observed) -> Plan:
    """Return what is left to do (pure)."""
    if seen.current:
        clean = Step(CLEAN, str(layout.ready), "a run that was killed left it")
        return _as_plan(layout, [clean] * seen.leftovers)
    finish = Step(FINISH, str(layout.mark), "the next run has to know what this data is")
    if seen.unfinished:
        return _as_plan(layout, [finish])
    steps = []
    if not seen.ready:
        steps.append(Step(RESTORE, str(layout.ready), "this member has no data of the snapshot"))
    if seen.has_data:
        steps.append(Step(KEEP_ASIDE, str(layout.member), "the old data is kept aside"))
    steps.append(Step(PLACE, str(layout.member), "etcd starts from the restored data"))
    return _as_plan(layout, [*steps, finish])


def _as_plan(layout: Layout, steps: list[Step]) -> Plan:
    lines = "".join(f"{step.action} {step.target}: {step.reason}\n" for step in steps)
    return Plan(steps=tuple(steps), before="", after=lines)


def _has(decided: Plan, action: str) -> bool:
    return any(step.action == action for step in decided.steps)


@dataclass
class _Restore:
    """The steps of one restore."""

    request: Request
    layout: Layout
    runner: Runner
    etcdutl: str
    identity: str
    kept: str

    def carry_out(self, decided: Plan, plain: str, facts: snapshot.Facts, bump: int) -> None:
        """Every step, in order."""
        for step in decided.steps:
            if step.action == RESTORE:
                self._restore(plain, facts, bump)
            elif step.action == KEEP_ASIDE:
                self._rename(self.layout.member, Path(self.kept))
            elif step.action == PLACE:
                self._rename(self.layout.ready / "member", self.layout.member)
            elif step.action == FINISH:
                self._rename(self.layout.ready / MARK, self.layout.mark)
                self._clean()
            else:
                self._clean()

    def _restore(self, plain: str, facts: snapshot.Facts, bump: int) -> None:
        Path(self.request.data_dir).mkdir(mode=0o700, parents=True, exist_ok=True)
        self._clean()
        words = command(self.etcdutl, self.request, plain, str(self.layout.partial), facts, bump)
        leash.restore(self.runner, leash.held(self.runner, words), self.request.timeout)
        made = self.layout.partial
        _give_to_owner_of(self.request.data_dir, made)
        _sync_tree(made)
        mark = {
            "identity": self.identity,
            "snapshot": facts.as_dict(),
            "above_revision": self.request.above_revision,
            "files": fingerprint(made / "member"),
        }
        files.write_atomic(str(made / MARK), json.dumps(mark, indent=2, sort_keys=True) + "\n", mode=0o600)
        self._rename(made, self.layout.ready)

    def _clean(self) -> None:
        for left in self.layout.leftovers():
            shutil.rmtree(left)

    def _rename(self, source: Path, target: Path) -> None:
        source.rename(target)
        files.sync_directory(self.request.data_dir)


def command(etcdutl: str, request: Request, plain: str, data_dir: str, facts: snapshot.Facts, bump: int) -> list[str]:
    """Return the command line of etcdutl (pure)."""
    cluster = ",".join(f"{name}={url}" for name, url in request.initial_cluster.items())
    words = [
        etcdutl, "snapshot", "restore", plain, f"--name={request.name}", f"--initial-cluster={cluster}",
        f"--initial-cluster-token={request.token}", f"--data-dir={data_dir}",
        f"--initial-advertise-peer-urls={request.initial_cluster[request.name]}",
    ]  # fmt: skip
    if bump:
        words.append(f"--bump-revision={bump}")
        words += ["--mark-compacted"] * request.mark_compacted
    if facts.proven_by != "trailer":
        words.append("--skip-hash-check")  # the hash was compared with the manifest's
    return words


def fingerprint(directory: Path) -> str:
    """Return a hash of names, sizes and times of the files below: another one once etcd has started on them."""
    digest = hashlib.sha256()
    for path in sorted(directory.rglob("*")):
        with suppress(FileNotFoundError):  # an etcd that runs removes files of its log
            found = path.stat()
            if stat.S_ISREG(found.st_mode):
                digest.update(f"{path.relative_to(directory)} {found.st_size} {found.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def _refuse_unknown_name(request: Request) -> None:
    if request.name not in request.initial_cluster:
        raise Refusal(
            f"{request.name} is no member of the restored cluster",
            seen=f"initial_cluster has {', '.join(sorted(request.initial_cluster)) or 'no member'}",
            fix="name this member in initial_cluster, with its peer URL",
            rule="unknown_member",
        )


def _refuse_running(layout: Layout) -> None:
    """etcd holds a lock on its database for as long as it runs."""
    try:
        with (layout.member / "snap" / "db").open("rb+") as database:
            fcntl.flock(database, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return
    except BlockingIOError as error:
        raise Refusal(
            f"etcd runs on {layout.data_dir}",
            seen=f"{layout.member}/snap/db is locked",
            fix="stop etcd on every member, then run again",
            rule="etcd_runs",
        ) from error


def _refuse_other(request: Request, facts: snapshot.Facts) -> None:
    if request.expect_sha256 and facts.sha256 != request.expect_sha256:
        raise Refusal(
            f"{request.snapshot} is another snapshot",
            seen=f"SHA-256 {facts.sha256}, expected {request.expect_sha256}",
            fix="bring the same snapshot to every member",
            rule="another_snapshot",
        )


def _refuse_without_room(request: Request, facts: snapshot.Facts, decided: Plan) -> None:
    if not _has(decided, RESTORE):
        return
    existing = next(path for path in (Path(request.data_dir), *Path(request.data_dir).parents) if path.exists())
    if not os.access(existing, os.W_OK):
        raise Refusal(
            f"{request.data_dir} cannot be written",
            seen=f"{existing} is read-only; nothing was touched",
            fix="mend that disk and mount it writable, or mount an empty one there",
            rule="read_only",
        )
    # What runs that were killed left goes first.
    left = sum(_disk_use(path) for path in Layout(request.data_dir).leftovers())
    free, needed = shutil.disk_usage(existing).free + left, facts.size + leash.ROOM_FOR_LOG
    if free < needed:
        raise Refusal(
            f"{request.data_dir} has no room for the restored data",
            seen=f"{free // 2**20} MiB are free, {needed // 2**20} are needed; nothing was touched",
            fix="make room there; old data of earlier restores is in member.<time>",
            rule="no_room",
        )


def _disk_use(directory: Path) -> int:
    return sum(path.lstat().st_blocks * BLOCK for path in directory.rglob("*"))


def _refuse_without_bump(request: Request, runner: Runner, etcdutl: str) -> None:
    if not request.bump_revision:
        return
    if "--bump-revision" not in runner.run([etcdutl, "snapshot", "restore", "--help"]).stdout:
        raise Refusal(
            f"{etcdutl} cannot raise the revision, and clients that watch would miss events",
            seen="it has no --bump-revision, so it is older than 3.6; nothing was touched",
            fix="name a directory that has a newer one in bin_dir, or set bump_revision to 0 and restart every client",
            rule="no_bump",
        )


def _verify(layout: Layout, identity: str) -> None:
    left = plan(layout, observe(layout, identity))
    if left.changed:
        raise KubeopsError(
            "the data directory is not what it shall be", seen="; ".join(step.reason for step in left.steps),
            fix="run again, with etcd stopped",
        )  # fmt: skip


def _read_mark(path: Path) -> dict[str, Any]:
    text = files.read_text(str(path))
    try:
        found = json.loads(text) if text else {}
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _give_to_owner_of(data_dir: str, made: Path) -> None:
    owner = Path(data_dir).stat()
    if owner.st_uid != os.geteuid():
        for path in (made, *made.rglob("*")):
            os.chown(path, owner.st_uid, owner.st_gid)


def _sync_tree(directory: Path) -> None:
    for path in (*directory.rglob("*"), directory):
        files.sync_directory(str(path)) if path.is_dir() else files.sync(str(path))
