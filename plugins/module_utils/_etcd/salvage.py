# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A snapshot from a data directory whose etcd does not run any more.

The database alone lacks what stands in the log beside it. So an etcd is started on a copy, as a cluster of its own
(``--force-new-cluster``), which reads the log as far as it knows that a quorum had agreed, and the snapshot is taken
from it. https://etcd.io/docs/v3.6/op-guide/recovery/
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from .._core import workdir
from .._core.errors import Refusal
from . import keep, throwaway
from .choice import Choice, status_from_json
from .gateway import Gateway
from .ondisk import is_open
from .programs import Source

PREFIX = ".salvage-"


def run(data_dir: str, name: str, source: Source, request: keep.Request) -> tuple[str, dict[str, Any]]:
    """Take the snapshot of the member with this name; returns its path and its manifest. data_dir stays as it is."""
    database = Path(data_dir, "member", "snap", "db")
    _refuse(database)
    places = (data_dir, workdir.room())
    for place in places:
        with suppress(OSError):  # a disk that became read-only keeps it
            workdir.sweep(place, PREFIX, throwaway.end_processes)
    room = _room(database, places)
    more = (f"--name={name}", "--force-new-cluster")
    with (
        source.at_hand(["etcd"]) as programs,
        workdir.work_directory(room, PREFIX, throwaway.end_processes) as work,
    ):
        shutil.copytree(database.parents[1], Path(work, "data", "member"))
        with throwaway.started(source.runner, programs["etcd"], work, database.stat().st_size, more) as gateway:
            return keep.take(gateway, _choice(gateway), request)


def _choice(gateway: Gateway) -> Choice:
    """The only member there is."""
    status = status_from_json(gateway.members()[0], gateway.status())
    return Choice(status, "what its disk has; no member runs", quorum_lost=True)


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


def _room(database: Path, places: Sequence[str]) -> str:
    """Return the first place that takes a copy: a disk that is full or became read-only may be why no member runs."""
    size = sum(path.stat().st_size for path in database.parents[1].rglob("*") if path.is_file())
    seen = []
    for place in places:
        free, obstacle = shutil.disk_usage(place).free, _obstacle(place)
        if free >= size and not obstacle:
            return place
        cannot = f" and cannot be written: {obstacle}" if obstacle else ""
        seen.append(f"{place} has {free // 2**20} MiB free{cannot}")
    raise Refusal(
        "there is no room for a copy of the data",
        seen=f"{size // 2**20} MiB are needed; {', '.join(seen)}",
        fix="make room on one of these disks, or one that is read-only writable",
        rule="no_room",
    )


def _obstacle(place: str) -> str:
    """Why nothing can be written there, empty where it can: a read-only disk may have all the room."""
    try:
        with tempfile.TemporaryDirectory(prefix=PREFIX, dir=place):
            return ""
    except OSError as error:
        return error.strerror or str(error)
