# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ships a snapshot to places off the node, and keeps there what the retention asks for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from .._core import clock, files
from .._core.errors import KubeopsError
from .._core.runner import Runner
from .._etcd import keep, retention, snapshot
from .s3 import Bucket
from .sftp import Account
from .sigv4 import Credentials


class Target(Protocol):
    """A place for snapshots."""

    @property
    def label(self) -> str:
        """How messages call it."""

    def check(self) -> None:
        """Raise Refusal where nothing may be sent there."""

    def put(self, path: str, name: str) -> None:
        """Copy a file there; under its name it is whole. Raises KubeopsError."""

    def names(self) -> list[str]:
        """Names of the files there."""

    def read(self, name: str) -> bytes:
        """Content of a small file there. Raises KubeopsError."""

    def remove(self, name: str) -> None:
        """Delete a file there."""


@dataclass(frozen=True)
class Place:
    """A target with its retention."""

    target: Target
    rules: Mapping[str, retention.Rule]


def places(entries: Sequence[Mapping[str, Any]], defaults: Mapping[str, Any], host: str, runner: Runner) -> list[Place]:
    """Build the places of an options' list (see ``argspec.TARGETS``).

    defaults: retention of those that name none. host: a directory of this name is used below each place, so
    that several hosts never thin out each other's snapshots; empty for none.
    """
    # Ansible fills a retention that is left out with classes that have no rule.
    return [
        Place(_target(entry, host, runner), retention.rules(entry["retention"]) or retention.rules(defaults))
        for entry in entries
    ]


def _target(entry: Mapping[str, Any], host: str, runner: Runner) -> Target:
    if entry["type"] == "s3":
        credentials = Credentials(entry["access_key"], entry["secret_key"], entry["region"])
        prefix = "/".join(part for part in (entry["prefix"].strip("/"), host) if part)
        return Bucket(entry["endpoint"], entry["bucket"], prefix, credentials, entry.get("ca_file") or "")
    directory = f"{entry['directory'].rstrip('/')}/{host}".rstrip("/")
    return Account(runner, entry["host"], entry["port"], entry["user"], directory, entry["key_file"], entry["host_key"])


def ship(path: str, to: Sequence[Place]) -> list[dict[str, Any]]:
    """Ship a verified snapshot everywhere; every place is tried before KubeopsError names those that failed."""
    for place in to:
        place.target.check()
    shipped, failed = [], []
    for place in to:
        try:
            shipped.append(_ship_to(path, place))
        except KubeopsError as error:  # noqa: PERF203 - every place is tried
            failed.append(error)
    if failed:
        raise KubeopsError(
            f"the snapshot is on the node, and did not get to {len(failed)} of {len(to)} places",
            seen=" ".join(str(error) for error in failed),
            fix="mend that; the next run ships its own snapshot",
            details={"shipped": shipped},
        )
    return shipped


def _ship_to(path: str, place: Place) -> dict[str, Any]:
    """The manifest goes first: where a snapshot is, it can be verified."""
    started, target = clock.monotonic(), place.target
    for file in (path + snapshot.MANIFEST_SUFFIX, path):
        target.put(file, Path(file).name)
    present = keep.named(target.names())
    surplus = _surplus(target, present, path, place.rules)
    _expect_successor(target, present, path, [entry for entry, __ in surplus])
    for entry, __ in surplus:
        target.remove(entry.path)
        target.remove(entry.path + snapshot.MANIFEST_SUFFIX)
    stayed = {entry.path for entry, __ in surplus}.intersection(target.names() if surplus else ())
    if stayed:
        raise KubeopsError(
            f"{target.label} has the snapshot, and does not remove what is over its retention",
            seen=", ".join(sorted(stayed)),
            fix="let the account delete files there, or give the target a retention that keeps them",
        )
    return {
        "target": target.label,
        "pruned": [{"path": entry.path, "reason": reason} for entry, reason in surplus],
        "seconds": round(clock.monotonic() - started, 1),
    }


def _expect_successor(
    target: Target, present: Sequence[retention.Entry], path: str, going: Sequence[retention.Entry]
) -> None:
    """Raise KubeopsError unless what goes, and the last before this snapshot, have no more in them than it has.

    An etcd that was started on an empty disk begins at revision 1, and the sender may know nothing of what was before.
    """
    if not going:
        return
    (own,) = keep.named([Path(path).name])
    before = [each for each in retention.of_cluster(present, own.cluster_name) if each.taken_at < own.taken_at]
    reached = _revision(path, Path(path + snapshot.MANIFEST_SUFFIX).read_bytes())
    for entry in dict.fromkeys((*going, *before[-1:])):
        try:
            revision = _revision(entry.path, target.read(entry.path + snapshot.MANIFEST_SUFFIX))
            seen = f"{entry.path} there is of revision {revision}, this one of {reached}" if revision > reached else ""
        except KubeopsError as error:
            seen = f"the manifest of {entry.path} there cannot be read: {error}"
        if seen:
            raise KubeopsError(
                f"{target.label} has the snapshot, and nothing older is removed there, for it may be all that is left",
                seen=seen,
                fix="see whether etcd began anew; where that is as it shall be, remove the older ones there by hand",
            )


def _revision(path: str, manifest: bytes) -> int:
    return int(snapshot.parse_manifest(path, manifest).get("revision", 0))


def _surplus(
    target: Target, present: Sequence[retention.Entry], path: str, rules: Mapping[str, retention.Rule]
) -> list[tuple[retention.Entry, str]]:
    """What may go of the cluster whose snapshot has just arrived; nothing where its name is none of ours.

    The snapshots beside the one that was sent say whether it is the successor of the others, see keep.lost_before.
    Which ones are unproven is asked only where something would go if none were.
    """
    newest = next((entry for entry in present if entry.path == Path(path).name), None)
    if newest is None:
        return []
    there = retention.of_cluster(present, newest.cluster_name)
    if not retention.surplus(there, rules, clock.now(), newest):
        return []
    there = [replace(entry, unproven=_is_unproven(target, entry, Path(path).parent)) for entry in there]
    newest = next(entry for entry in there if entry.path == newest.path)
    beside = retention.of_cluster(keep.entries(str(Path(path).parent)), newest.cluster_name)
    limit = keep.lost_before(beside, replace(newest, path=path))
    found = retention.surplus(there, rules, clock.now(), newest)
    return [(entry, reason) for entry, reason in found if entry.taken_at > limit]


def _is_unproven(target: Target, entry: retention.Entry, beside: Path) -> bool:
    """Whether its manifest says so: the one on the node where it has one, for reading there may cost a connection."""
    name = entry.path + snapshot.MANIFEST_SUFFIX
    try:
        content = files.read_bytes(str(beside / name)) or target.read(name)
        return retention.is_unproven(snapshot.parse_manifest(entry.path, content))
    except KubeopsError:
        return False
