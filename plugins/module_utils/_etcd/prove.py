# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves a snapshot by starting an etcd on it and comparing what that says with what the source said."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from datetime import datetime
from typing import Any

from .._core import clock
from .._core.errors import KubeopsError
from . import throwaway
from .gateway import Gateway
from .programs import Source
from .throwaway import NotProvenError

PROGRAMS = ("etcd", "etcdutl")


def prove(
    path: str, revision: int, manifest: Mapping[str, Any], source: Source, canary: str, *, hashed: bool = True
) -> dict[str, Any]:
    """Boot the snapshot file and return what it says, with the time a restore takes; see the module for the keys.

    revision: the one its pages have. manifest: what the source said; only what it has is compared. Raises
    KubeopsError where anything differs, the canary is missing, or etcd does not take the data, and NotProvenError where
    the node has no programs to try it with, or lacks room, memory or time.
    """
    try:
        return _prove(path, revision, manifest, source, canary, hashed=hashed)
    except OSError as error:
        raise NotProvenError("the snapshot could not be tried", seen=str(error), fix=throwaway.MEND) from error


def _prove(
    path: str, revision: int, manifest: Mapping[str, Any], source: Source, canary: str, *, hashed: bool
) -> dict[str, Any]:
    with ExitStack() as held:
        try:
            programs = held.enter_context(source.at_hand(PROGRAMS))
        except KubeopsError as error:
            raise NotProvenError.of(error) from error
        started = clock.monotonic()
        with throwaway.running(source.runner, programs, path, hashed=hashed) as gateway:
            restored = round(clock.monotonic() - started, 3)
            status = gateway.status()
            found = {"revision": int(status["header"]["revision"]), **gateway.keys_at(revision)}
            compared = compare(found, revision, manifest)
            return {
                "restore_seconds": restored,
                "data_age_seconds": _age(manifest),
                "version": str(status.get("version", "")),
                "revision": found["revision"],
                "keys": found["count"],
                "hash": found["hash"],
                "compared": compared,
                "canary": _canary(gateway, canary, revision),
                "seconds": round(clock.monotonic() - started, 3),
            }


def compare(found: Mapping[str, int], revision: int, manifest: Mapping[str, Any]) -> list[str]:
    """Return what was the same as at the source (pure); raises KubeopsError naming what was not.

    A hash covers what a compaction has left, so it is compared only where both were compacted at the same revision.
    """
    wanted = {"revision": manifest.get("revision", revision)}
    keys = manifest.get("keys") or {}
    if keys:
        wanted["count"] = keys["count"]
    if keys and keys["compact_revision"] == found["compact_revision"]:
        wanted["hash"] = keys["hash"]
    # A lease that ran out deletes its keys as soon as an etcd leads again: that is a new revision, not another past.
    other = [
        f"{name} is {found[name]}, at the source it was {value}"
        for name, value in wanted.items()
        if (found[name] < value if name == "revision" else found[name] != value)
    ]
    if other:
        raise KubeopsError(
            "an etcd started on the snapshot has other data than the source", seen="; ".join(other),
            fix="do not rely on this snapshot; take another one, from another member", details={"check": "proof"},
        )  # fmt: skip
    return ["keys" if name == "count" else name for name in wanted if "revision" in manifest]


def _canary(gateway: Gateway, key: str, revision: int) -> dict[str, Any] | None:
    found = gateway.read(key.encode(), revision)
    if key and found is None:
        raise KubeopsError(
            "the canary is not in the snapshot", seen=f"no key {key}", fix="name a key that is always there",
            details={"check": "canary"},
        )  # fmt: skip
    return found


def _age(manifest: Mapping[str, Any]) -> float | None:
    taken = manifest.get("taken_at")
    return round((clock.now() - datetime.fromisoformat(taken)).total_seconds(), 3) if taken else None
