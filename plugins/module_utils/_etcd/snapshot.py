# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Snapshot files: written while their hash is checked, verified, described by a manifest beside them."""

from __future__ import annotations

import hashlib
import json
import mmap
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from .._core import clock, files, locks
from .._core.behind import Behind
from .._core.errors import KubeopsError, Refusal
from . import bolt, identity
from .packing import COMPRESSIONS, ENCRYPTIONS

SUFFIX = ".db"
MANIFEST_SUFFIX = ".json"
PARTIAL_SUFFIX = ".partial"
LOCK = ".lock"
TRAILER = hashlib.sha256().digest_size
# etcd sends whole pages, whose size is a multiple of this, and the hash after them.
SECTOR = 512
# For how long the snapshot of a manifest may be under way: clusters that share a directory do not wait for each other.
LONE_SECONDS = 3600
POLL_SECONDS = 0.2
_CHUNK = 1024 * 1024
# What others read in a manifest.
_SHAPE: dict[str, type] = {
    "cluster_name": str, "revision": int, "raft_index": int, "size": int, "sha256": str, "taken_at": str,
    "keys": dict, "stored": dict, "proof": dict, "member": dict,
}  # fmt: skip
_FIELDS: dict[str, dict[str, type]] = {
    "keys": {"count": int, "hash": int, "compact_revision": int},
    "stored": {"size": int, "sha256": str},
}


@dataclass(frozen=True)
class Facts:
    """What a verified file says of itself.

    Attributes:
        size: bytes, the trailing hash included.
        sha256: hash of the database, which is what the trailer holds.
        proven_by: ``trailer``, or ``manifest`` where the trailer was cut off.
        kubernetes_uid: uid of the namespace kube-system, which no two clusters share; empty outside Kubernetes.
        kubernetes_cas: SHA-256 of the certificates of the cluster's CAs.
    """

    size: int
    sha256: str
    proven_by: str
    revision: int
    raft_index: int
    members: dict[str, str]
    kubernetes_uid: str
    kubernetes_cas: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return plain data for results."""
        return asdict(self)


@contextmanager
def exclusive(directory: str, wait: float = 0.0) -> Iterator[None]:
    """Hold the directory for one run at a time, and remove what a run that was killed left behind.

    wait: for how many seconds another run may hold it before Refusal says so.
    """
    Path(directory).mkdir(mode=0o700, parents=True, exist_ok=True)
    with Path(directory, LOCK).open("w", encoding="ascii") as lock:
        deadline = clock.monotonic() + wait
        while not locks.acquire(lock.fileno()):
            if clock.monotonic() >= deadline:
                raise Refusal(
                    f"another run works on the snapshots in {directory}",
                    seen=f"it held {LOCK} there for {wait:g} s" if wait else "",
                    fix="wait for it to end",
                    rule="snapshots_locked",
                )
            time.sleep(POLL_SECONDS)
        for left in (*Path(directory).glob(f"*{PARTIAL_SUFFIX}"), *_lone_manifests(directory)):
            left.unlink()
        yield


def _lone_manifests(directory: str) -> list[Path]:
    """Manifests whose snapshot never came, or went first; not one that another run has just brought before its own."""
    found = Path(directory).glob(f"etcd-*{SUFFIX}*{MANIFEST_SUFFIX}")
    lone = [path for path in found if not path.with_name(path.name[: -len(MANIFEST_SUFFIX)]).exists()]
    return [path for path in lone if clock.now().timestamp() - path.lstat().st_mtime > LONE_SECONDS]


@dataclass(frozen=True)
class Saved:
    """What was written.

    Attributes:
        size: bytes, the trailing hash included.
        sha256: hash of the database, which is what the trailing hash has to be.
        file_sha256: hash of the whole file.
    """

    size: int
    sha256: str
    file_sha256: str


def save(pieces: Iterable[bytes], path: str) -> Saved:
    """Write a stream to path, 0600 and synced, while its hash is checked.

    path is a temporary name: the caller renames it. Nothing is left of it after an error.
    """
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb", buffering=0) as file:
            saved = _copy(pieces, file)
            os.fsync(file.fileno())
    except BaseException:
        Path(path).unlink(missing_ok=True)
        raise
    return saved


def _copy(pieces: Iterable[bytes], file: IO[bytes]) -> Saved:
    """Write every piece, and hash all but the last 32 bytes, which have to be that hash.

    Hashing and writing happen in another thread: neither holds Python's lock, so that the next piece arrives meanwhile.
    """
    digest, pending, size = hashlib.sha256(), bytearray(), 0

    def settle(block: bytes) -> None:
        digest.update(block)
        _write(file, block)

    with Behind(settle) as behind:
        for piece in pieces:
            pending += piece
            size += len(piece)
            if len(pending) > _CHUNK:
                behind.put(bytes(memoryview(pending)[:-TRAILER]))
                del pending[:-TRAILER]
        behind.put(bytes(pending[:-TRAILER]))
    trailer = bytes(pending[-TRAILER:])
    _write(file, trailer)
    if size % SECTOR != TRAILER or trailer != digest.digest():
        raise KubeopsError(
            "the snapshot did not arrive whole",
            seen=f"{size} bytes, and the hash at their end is not that of what is before it",
            fix="take it again; if that fails, take it from another member",
            details={"check": "trailer"},
        )
    whole = digest.copy()
    whole.update(trailer)
    return Saved(size, digest.hexdigest(), whole.hexdigest())


def _write(file: IO[bytes], block: bytes) -> None:
    view = memoryview(block)
    while view:
        view = view[file.write(view) :]


def verify(path: str, manifest: Mapping[str, Any] | None = None, shown: str = "") -> Facts:
    """Read a whole snapshot file; raises KubeopsError saying what is wrong with it.

    A file without etcd's trailing hash is accepted only with a manifest that holds its hash. shown is its name in
    errors, where path is only a copy of it.
    """
    shown = shown or path
    try:
        with Path(path).open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            proven_by = _expect_size(shown, size, manifest)
            database = size - TRAILER if proven_by == "trailer" else size
            digest, search = _scan(file, database)
            _expect_hash(shown, digest, file.read(TRAILER).hex(), manifest)
    except FileNotFoundError as error:
        raise missing(shown) from error
    found = pages(path)
    return Facts(size, digest, proven_by, found.revision, found.raft_index, found.members, search.uid, search.cas)


def identity_of(path: str) -> identity.Search:
    """Find of which cluster any database file of etcd is, in use or not."""
    with Path(path).open("rb") as file:
        return _scan(file, os.fstat(file.fileno()).st_size)[1]


def pages(path: str, *, deep: bool = True) -> bolt.Contents:
    """Walk the database's pages in a snapshot file, see bolt.read; raises KubeopsError when one is damaged."""
    with Path(path).open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        return bolt.read(data, len(data) // SECTOR * SECTOR, deep=deep)


def _expect_size(path: str, size: int, manifest: Mapping[str, Any] | None) -> str:
    expected = int(manifest.get("size", 0)) if manifest else 0
    if size == 0:
        raise bad(path, "size", "it is empty")
    if expected and size not in (expected, expected - TRAILER):
        raise bad(path, "size", f"it has {size} bytes, its manifest says {expected}")
    if size % SECTOR == TRAILER:
        return "trailer"
    if size % SECTOR:
        raise bad(path, "size", f"{size} bytes are no whole snapshot: truncated, or no snapshot at all")
    if not (manifest and manifest.get("sha256")):
        raise bad(path, "trailer", "it has no SHA-256 at its end, and no manifest that knows its hash")
    return "manifest"


def _scan(file: IO[bytes], size: int) -> tuple[str, identity.Search]:
    """Hash the first size bytes; find among them of which cluster they are."""
    digest, search = hashlib.sha256(), identity.Search()
    while size > 0:
        chunk = file.read(min(_CHUNK, size))
        if not chunk:
            raise KubeopsError("the snapshot became shorter while it was read", details={"check": "size"})
        size -= len(chunk)
        digest.update(chunk)
        search.feed(chunk)
    return digest.hexdigest(), search


def _expect_hash(path: str, digest: str, trailer: str, manifest: Mapping[str, Any] | None) -> None:
    wanted = str(manifest.get("sha256", "")) if manifest else ""
    if trailer and digest != trailer:
        raise bad(path, "trailer", "the SHA-256 at its end is not that of its content: a byte was changed")
    if wanted and digest != wanted:
        raise bad(path, "manifest", f"its SHA-256 is {digest}, its manifest says {wanted}")


def missing(path: str) -> KubeopsError:
    """The error that says that there is no such file."""
    return KubeopsError(f"there is no snapshot {path}", fix="see state=listed for those there are")


def bad(path: str, check: str, seen: str) -> KubeopsError:
    """The error that says what is wrong with a file."""
    return KubeopsError(
        f"{path} cannot be used as a snapshot", seen=seen, fix="use another snapshot", details={"check": check}
    )


def read_manifest(path: str) -> dict[str, Any] | None:
    """Return the manifest beside a snapshot, None where there is none; raises KubeopsError when it is unreadable."""
    content = files.read_bytes(path + MANIFEST_SUFFIX)
    return None if content is None else parse_manifest(path, content)


def parse_manifest(path: str, content: bytes) -> dict[str, Any]:
    """Return what the manifest of a snapshot says (pure); raises KubeopsError where no run has written it like that."""
    try:
        manifest = json.loads(content.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise bad(path, "manifest", f"its manifest is no JSON: {error}") from error
    if not isinstance(manifest, dict):
        raise bad(path, "manifest", "its manifest is no JSON object")
    wrong = [f"{name} is {json.dumps(manifest[name])[:80]}" for name in _SHAPE if not _has_shape(name, manifest)]
    if wrong:
        raise bad(path, "manifest", f"its manifest is damaged: {', '.join(wrong)}")
    return manifest


def _has_shape(name: str, manifest: Mapping[str, Any]) -> bool:
    """Whether what a manifest says is of the right kind, or is not said."""
    value = manifest.get(name)
    if name not in manifest or (name == "proof" and value is None):
        return True
    if name == "taken_at" and value:
        return _is_moment(value)
    fields = _FIELDS.get(name, {}) if value else {}
    known = isinstance(value, _SHAPE[name])
    return known and all(isinstance(manifest[name].get(each), kind) for each, kind in fields.items())


def _is_moment(value: object) -> bool:
    try:
        return isinstance(value, str) and datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        return False


def publish(partial: str, path: str, manifest: Mapping[str, Any]) -> None:
    """Write the manifest of a verified file, then give that its final name: a packed one is worth nothing alone."""
    files.write_atomic(path + MANIFEST_SUFFIX, json.dumps(manifest, indent=2, sort_keys=True) + "\n", mode=0o600)
    Path(partial).rename(path)
    files.sync_directory(str(Path(path).parent))


def settle(path: str) -> None:
    """Make a snapshot that was brought here, and its manifest, survive a power cut: what it replaces goes next."""
    for file in (path, path + MANIFEST_SUFFIX):
        if Path(file).exists():
            files.sync(file)
    files.sync_directory(str(Path(path).parent))


def remove(path: str) -> None:
    """Remove a snapshot, then its manifest, so that no manifest is ever lost before its file."""
    files.remove(path)
    files.remove(path + MANIFEST_SUFFIX)


def listed(directory: str) -> list[str]:
    """Return the paths of the snapshots in a directory, packed or not, by name."""
    kinds = {SUFFIX + first + second for first in COMPRESSIONS.values() for second in ENCRYPTIONS.values()}
    return sorted(str(path) for path in Path(directory).glob(f"*{SUFFIX}*") if path.name.endswith(tuple(kinds)))
