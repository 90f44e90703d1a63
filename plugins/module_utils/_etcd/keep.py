# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes, lists and prunes snapshots in one directory of a node."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from .._core import clock, files
from .._core.errors import KubeopsError
from .._kubeadm import paths, static_pod
from . import choice, retention, snapshot
from .gateway import Gateway, first_answer

_STAMP = "%Y%m%dT%H%M%SZ"
_NAME = re.compile(r"-(?P<stamp>\d{8}T\d{6}Z)-(?P<schedule>[a-z]+)\.db$")


@dataclass(frozen=True)
class Request:
    """What to take: the directory, the cluster's name in the file name, the class of the snapshot."""

    directory: str
    cluster_name: str
    schedule: str
    member: str = ""


def choose(gateways: Sequence[Gateway], member: str) -> tuple[Gateway, choice.Choice]:
    """Ask the first endpoint that answers for the members, and choose one of them."""
    gateway, members = first_answer(gateways)
    chosen = choice.choose(members, gateway.statuses(members), member)
    return gateway.of(chosen.status.member), chosen


def take(gateway: Gateway, chosen: choice.Choice, request: Request) -> tuple[str, dict[str, Any]]:
    """Stream, check and publish one snapshot; returns its path and its manifest."""
    started, moment = clock.monotonic(), clock.now()
    name = f"etcd-{request.cluster_name}-{moment.strftime(_STAMP)}-{request.schedule}{snapshot.SUFFIX}"
    path = str(Path(request.directory, name))
    partial = path + snapshot.PARTIAL_SUFFIX
    with snapshot.exclusive(request.directory):
        try:
            digest = snapshot.save(gateway.snapshot(), partial)
            contents = snapshot.pages(partial)
            manifest = {
                "format": 1,
                "cluster_name": request.cluster_name,
                "cluster_id": chosen.status.cluster_id,
                "member": {"id": chosen.status.member.id, "name": chosen.status.member.name, "reason": chosen.reason},
                "quorum_lost": chosen.quorum_lost,
                "revision": contents.revision,
                "raft_index": contents.raft_index,
                "etcd_version": chosen.status.version,
                "kubernetes_version": kubernetes_version(),
                "size": Path(partial).stat().st_size,
                "sha256": digest,
                "schedule": request.schedule,
                "taken_at": moment.isoformat(),
                "duration_seconds": round(clock.monotonic() - started, 3),
            }
            snapshot.publish(partial, path, manifest)
        except OSError as error:
            raise KubeopsError(
                f"the snapshot could not be written to {request.directory}",
                seen=str(error),
                fix="make room there, or name another directory; earlier snapshots are untouched",
            ) from error
        finally:
            Path(partial).unlink(missing_ok=True)
    return path, manifest


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
        match = _NAME.search(path)
        if match:
            taken_at = datetime.strptime(match["stamp"], _STAMP).replace(tzinfo=timezone.utc)
            found.append(retention.Entry(path, match["schedule"], taken_at))
    return sorted(found, key=lambda entry: entry.taken_at)


def describe(entry: retention.Entry) -> dict[str, Any]:
    """Return what the directory says of a snapshot, without reading all of it."""
    size = Path(entry.path).stat().st_size
    try:
        manifest = snapshot.read_manifest(entry.path)
    except KubeopsError:
        manifest = None
    wanted = (manifest or {}).get("size")
    return {
        "path": entry.path,
        "schedule": entry.schedule,
        "taken_at": entry.taken_at.isoformat(),
        "age_seconds": int((clock.now() - entry.taken_at).total_seconds()),
        "size": size,
        "manifest": manifest,
        "condition": "no manifest" if manifest is None else "complete" if size == wanted else "size differs",
    }


def surplus(directory: str, rules: Mapping[str, retention.Rule]) -> list[tuple[retention.Entry, str]]:
    """Return what may be removed and why; nothing while no snapshot of the directory can be verified."""
    present = entries(directory)
    for candidate in reversed(present):
        if not retention.surplus(present, rules, clock.now(), candidate):
            return []
        try:
            snapshot.verify(candidate.path, snapshot.read_manifest(candidate.path))
        except KubeopsError:
            continue
        return retention.surplus(present, rules, clock.now(), candidate)
    return []


def prune(directory: str, rules: Mapping[str, retention.Rule]) -> list[tuple[retention.Entry, str]]:
    """Remove what may be removed; returns what, and why."""
    gone = surplus(directory, rules)
    if gone:
        with snapshot.exclusive(directory):
            for entry, __ in gone:
                snapshot.remove(entry.path)
    return gone
