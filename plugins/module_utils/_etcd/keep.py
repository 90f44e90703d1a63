# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes, lists and prunes snapshots in one directory of a node."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from .._core import clock, files
from .._core.errors import KubeopsError, Refusal
from .._kubeadm import paths, static_pod
from . import choice, packed, retention, snapshot
from .bolt import Contents
from .etcdctl import Etcdctl
from .gateway import Gateway, first_answer
from .packing import Packer, Packing
from .programs import Source
from .prove import prove
from .throwaway import NotProvenError

# etcd's own disk may be the same, and there it allocates the next segment of its log.
RESERVE = 64 * 1024 * 1024
# Runs of other clusters that share a directory hold it for as long as they remove files.
PRUNE_WAIT_SECONDS = 60.0
_STAMP = "%Y%m%dT%H%M%SZ"
_NAME = re.compile(
    r"etcd-(?P<cluster>[A-Za-z0-9.-]+)-(?P<stamp>\d{8}T\d{6}Z)-(?P<schedule>[a-z]+)\.db(\.gz|\.zst)?(\.age|\.enc)?"
)


class UnprovenError(KubeopsError):
    """The snapshot is verified and kept, and could not be proven; details have its path and its manifest."""


@dataclass(frozen=True)
class Request:
    """What to take.

    Attributes:
        directory: where it is kept.
        cluster_name, schedule: parts of the file name; the schedule is the class by which retention counts.
        member: name or id of the member to ask, empty for the healthiest follower.
        packing: how the file is stored.
        prove: whether it has to be proven before it gets its name, and by which key beside the hashes.
        kubernetes_version: for the manifest, where this node runs no API server.
    """

    directory: str
    cluster_name: str
    schedule: str
    member: str = ""
    packing: Packing = field(default_factory=Packing)
    prove: bool = False
    canary: str = ""
    kubernetes_version: str = ""

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> Request:
        """Read the options of the module etcd_snapshot."""
        packing = Packing(options["compression"], options["encryption"])
        names = ("directory", "cluster_name", "schedule", "member", "prove", "canary", "kubernetes_version")
        return cls(packing=packing, **{name: options[name] for name in names})


@contextmanager
def reachable(gateways: Sequence[Gateway], source: Source) -> Iterator[Sequence[Gateway]]:
    """Hand out the endpoints, asked by etcdctl where their gateway is switched off."""
    off = False
    try:
        first_answer(gateways)
    except KubeopsError as error:
        off = error.details.get("gateway") == "off"
        if not off:
            raise
    if not off:
        yield gateways
        return
    with by_etcdctl(gateways, source) as endpoints:
        yield endpoints


@contextmanager
def by_etcdctl(gateways: Sequence[Gateway], source: Source) -> Iterator[Sequence[Gateway]]:
    """Hand out the same endpoints, asked by etcdctl."""
    with source.at_hand(["etcdctl"]) as programs:
        yield [
            Etcdctl(each.url, each.ca_file, each.cert_file, each.key_file, programs["etcdctl"], source.runner)
            for each in gateways
        ]


def choose(gateways: Sequence[Gateway], member: str) -> tuple[Gateway, choice.Choice]:
    """Ask the first endpoint that answers for the members, and choose one of them."""
    gateway, members = first_answer(gateways)
    chosen = choice.choose(members, gateway.statuses(members), member)
    return gateway.of(chosen.status.member), chosen


def take(
    gateway: Gateway,
    chosen: choice.Choice,
    request: Request,
    source: Source | None = None,
    packer: Packer | None = None,
) -> tuple[str, dict[str, Any]]:
    """Stream, check, prove, pack and publish one snapshot; returns its path and its manifest.

    source is needed to prove, packer to pack. One that could not be proven, for want of programs, room or an answer of
    the source, is published without a proof, and then UnprovenError says so.
    """
    if packer:
        packer.refuse(request.packing)
    unproven: KubeopsError | None = None
    started, moment = clock.monotonic(), clock.now()
    name = f"etcd-{request.cluster_name}-{moment.strftime(_STAMP)}-{request.schedule}{snapshot.SUFFIX}"
    path = str(Path(request.directory, name)) + request.packing.suffix
    plain, stored = f"{path}.plain{snapshot.PARTIAL_SUFFIX}", path + snapshot.PARTIAL_SUFFIX
    with snapshot.exclusive(request.directory):
        try:
            _expect_room(request, chosen.status.db_size)
            saved = snapshot.save(gateway.snapshot(), plain)
            contents = snapshot.pages(plain, deep=False)
            manifest = {
                **_told(chosen, contents, saved),
                "kubernetes_version": kubernetes_version() or request.kubernetes_version,
                "cluster_name": request.cluster_name,
                "schedule": request.schedule,
                "taken_at": moment.isoformat(),
                "duration_seconds": round(clock.monotonic() - started, 3),
            }
            if request.prove and source:
                proof, unproven = _proof(gateway, plain, manifest, source, request.canary)
                manifest.update(proof)
            manifest["stored"] = _store(plain, stored, saved, request.packing, packer)
            snapshot.publish(stored, path, manifest)
        except OSError as error:
            raise KubeopsError(
                f"the snapshot could not be written to {request.directory}",
                seen=str(error),
                fix="make room there, or name another directory; earlier snapshots are untouched",
            ) from error
        finally:
            for left in Path(request.directory).glob(f"*{snapshot.PARTIAL_SUFFIX}"):
                left.unlink()
    if unproven:
        raise UnprovenError(
            f"the snapshot is kept as {path}, and could not be proven: {unproven.what}",
            seen=unproven.seen,
            fix=f"{unproven.fix or 'take another one'}; nothing proven is removed for the sake of this one",
            details={"changed": True, "snapshot": path, "manifest": manifest, "proof": None},
        )
    return path, manifest


def _expect_room(request: Request, size: int) -> None:
    """Refuse before a byte is streamed, for a full disk may be etcd's as well. size: of the database."""
    free = shutil.disk_usage(request.directory).free
    needed = (2 if request.packing else 1) * size + RESERVE
    if free < needed:
        both = ", as it lies there plain and packed for a moment" if request.packing else ""
        raise Refusal(
            f"{request.directory} has no room for a snapshot",
            seen=f"{free // 2**20} MiB are free, {needed // 2**20} are needed: the database has {size // 2**20}{both}, "
            f"and {RESERVE // 2**20} stay free; nothing was taken",
            fix="make room there, with state=pruned and a retention that keeps less, or name another directory",
            rule="no_room",
        )


def _proof(
    gateway: Gateway, plain: str, manifest: Mapping[str, Any], source: Source, canary: str
) -> tuple[dict[str, Any], KubeopsError | None]:
    """What the manifest says of the proof, and why there is none where it could not be tried.

    Raises KubeopsError where it failed, and the snapshot is worth nothing.
    """
    told: dict[str, Any] = {"proof": None}
    try:
        told["keys"] = gateway.keys_at(manifest["revision"])
    except KubeopsError as error:
        return told, error
    try:
        told["proof"] = prove(plain, manifest["revision"], {**manifest, **told}, source, canary)
    except NotProvenError as error:
        return told, error
    return told, None


def _told(chosen: choice.Choice, contents: Contents, saved: snapshot.Saved) -> dict[str, Any]:
    """What the manifest says of the source and of the database."""
    return {
        "format": 1,
        "cluster_id": chosen.status.cluster_id,
        "member": {"id": chosen.status.member.id, "name": chosen.status.member.name, "reason": chosen.reason},
        "quorum_lost": chosen.quorum_lost,
        "revision": contents.revision,
        "raft_index": contents.raft_index,
        "etcd_version": chosen.status.version,
        "size": saved.size,
        "sha256": saved.sha256,
    }


def _store(plain: str, stored: str, saved: snapshot.Saved, packing: Packing, packer: Packer | None) -> dict[str, Any]:
    """Bring the file into the form in which it is kept; returns what the manifest says of that."""
    if not packing or packer is None:
        Path(plain).rename(stored)
        return {**packing.as_dict(), "size": saved.size, "sha256": saved.file_sha256}
    packer.pack(plain, stored, packing)
    return {**packing.as_dict(), "size": Path(stored).stat().st_size, "sha256": files.sha256(stored)}


def kubernetes_version() -> str:
    """Return the version of this node's API server by its static pod, empty where it runs none."""
    manifest = files.read_text(f"{paths.MANIFESTS}/kube-apiserver.yaml")
    return static_pod.parse(manifest).version if manifest else ""


def entries(directory: str) -> list[retention.Entry]:
    """Return the snapshots of a directory that have a name of ours."""
    return named(snapshot.listed(directory))


def named(paths: Iterable[str]) -> list[retention.Entry]:
    """Return those of these paths, here or elsewhere, that have a name of ours, oldest first."""
    found = []
    for path in paths:
        match = _NAME.fullmatch(Path(path).name)
        if match:
            taken_at = datetime.strptime(match["stamp"], _STAMP).replace(tzinfo=timezone.utc)
            found.append(retention.Entry(path, match["schedule"], taken_at, match["cluster"]))
    return sorted(found, key=lambda entry: entry.taken_at)


def abandoned(names: Iterable[str], arriving: str) -> list[str]:
    """Return the temporary files, by name, that runs which were killed left of the cluster of a file (pure)."""
    cluster = _cluster_of(arriving)
    partial = (name for name in names if name.endswith(snapshot.PARTIAL_SUFFIX))
    return [name for name in partial if cluster and _cluster_of(name[: -len(snapshot.PARTIAL_SUFFIX)]) == cluster]


def _cluster_of(name: str) -> str:
    """The cluster of a snapshot or of a manifest."""
    match = _NAME.fullmatch(name[: -len(snapshot.MANIFEST_SUFFIX)] if name.endswith(snapshot.MANIFEST_SUFFIX) else name)
    return match["cluster"] if match else ""


def origin(path: str, manifest: Mapping[str, Any]) -> dict[str, str]:
    """Return of which cluster a snapshot is, and when it was taken: by its manifest, or else its name (pure).

    In seconds of UTC, so that the order of the texts is that of the times. What neither tells is empty.
    """
    by_name = next(iter(named([path])), None)
    told = manifest.get("taken_at")
    taken_at = by_name.taken_at if by_name else datetime.fromisoformat(told) if told else None
    return {
        "cluster_name": str(manifest.get("cluster_name") or (by_name.cluster_name if by_name else "")),
        "taken_at": taken_at.astimezone(timezone.utc).replace(microsecond=0).isoformat() if taken_at else "",
    }


def describe(entry: retention.Entry) -> dict[str, Any]:
    """Return what the directory says of a snapshot, without reading all of it."""
    size = Path(entry.path).stat().st_size
    try:
        manifest = snapshot.read_manifest(entry.path)
    except KubeopsError:
        manifest = None
    wanted = (manifest or {}).get("stored", manifest or {}).get("size")
    return {
        "path": entry.path,
        "schedule": entry.schedule,
        "taken_at": entry.taken_at.isoformat(),
        "age_seconds": int((clock.now() - entry.taken_at).total_seconds()),
        "size": size,
        "manifest": manifest,
        "condition": "no manifest" if manifest is None else "complete" if size == wanted else "size differs",
    }


def surplus(
    directory: str, cluster_name: str, rules: Mapping[str, retention.Rule]
) -> list[tuple[retention.Entry, str]]:
    """Return what may be removed of this cluster's and why; nothing while no snapshot of its can be verified.

    What is no older than a snapshot with more in it than the newest verified one stays, see lost_before. Where that one
    is unproven, only unproven ones go behind it, and whatever goes behind the newest that is not.
    """
    of_cluster = retention.of_cluster(entries(directory), cluster_name)
    present = [replace(entry, unproven=_is_unproven(entry.path)) for entry in of_cluster]
    newest, gone = _behind(present, present, rules)
    if newest and newest.unproven:
        gone += _behind([entry for entry in present if not entry.unproven], present, rules)[1]
    return sorted(dict.fromkeys(gone), key=lambda found: found[0].taken_at)


def _behind(
    candidates: Sequence[retention.Entry], present: Sequence[retention.Entry], rules: Mapping[str, retention.Rule]
) -> tuple[retention.Entry | None, list[tuple[retention.Entry, str]]]:
    """Return the newest candidate that can be verified, and what may go behind it.

    One behind which nothing may go is not read: nor may anything go behind an older one of its kind.
    """
    for candidate in reversed(candidates):
        found = retention.surplus(present, rules, clock.now(), candidate)
        if not found:
            return candidate, []
        try:
            packed.check(candidate.path)
        except KubeopsError:
            continue
        limit = lost_before(present, candidate)
        return candidate, [each for each in found if each[0].taken_at > limit]
    return None, []


def _is_unproven(path: str) -> bool:
    try:
        return retention.is_unproven(snapshot.read_manifest(path) or {})
    except KubeopsError:
        return False


def lost_before(present: Iterable[retention.Entry], newest: retention.Entry) -> datetime:
    """Return when the last of these was taken that has a higher revision than the newest; long ago for none.

    An etcd that was started on an empty disk begins at revision 1, while a restore moves the revision on. So what is
    that old may be all that is left of the cluster.
    """
    reached = _revision(newest.path)
    ahead = (each.taken_at for each in present if each.taken_at < newest.taken_at and _revision(each.path) > reached)
    return max(ahead, default=datetime.min.replace(tzinfo=timezone.utc))


def _revision(path: str) -> int:
    try:
        return int((snapshot.read_manifest(path) or {}).get("revision", 0))
    except KubeopsError:
        return 0


def prune(directory: str, cluster_name: str, rules: Mapping[str, retention.Rule]) -> list[tuple[retention.Entry, str]]:
    """Remove what may be removed; returns what, and why."""
    gone = surplus(directory, cluster_name, rules)
    if gone:
        with snapshot.exclusive(directory, PRUNE_WAIT_SECONDS):
            for entry, __ in gone:
                snapshot.remove(entry.path)
    return gone
