# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A backup without a controller: what the timer on a node runs.

Settings are a JSON object (``/etc/kubeops/etcd-backup.json``, 0600) with the options of
etcd_snapshot and etcd_ship by name, and

    member: str             name of the member on this host.
    host: str               name of this host, under which it ships.
    metric_directory: str   of the textfile collector; empty for no metric.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from .._core import files
from .._core.errors import KubeopsError, Refusal
from .._core.runner import Programs, Runner
from .._etcd import argspec, choice, keep, retention
from .._etcd.gateway import Gateway
from . import ship, status
from .argspec import with_defaults


def run(settings: Mapping[str, Any]) -> str:
    """Take, prove, thin out, ship, tell; returns the line that says so.

    One that could not be proven goes the same way, and is an error at the end.
    """
    unproven: KubeopsError | None = None
    runner = Runner(Programs())
    programs, packer = argspec.source(settings, runner), argspec.packer(settings, runner)
    with keep.reachable(argspec.gateways(settings), programs) as gateways:
        chosen = choose(gateways, settings["member"])
        if chosen is None:
            return f"etcd {settings['cluster_name']}: {settings['member']} leads, the followers take the snapshots"
        try:
            path, manifest = keep.take(*chosen, keep.Request.of(settings), programs, packer)
        except keep.UnprovenError as error:
            path, manifest, unproven = error.details["snapshot"], error.details["manifest"], error
    try:
        shipped = _hand_on(path, settings, runner)
    except KubeopsError as error:
        if unproven is None:
            raise
        raise KubeopsError(f"{unproven} {error}") from error
    if settings["metric_directory"]:
        _tell(settings["metric_directory"], manifest, success=unproven is None)
    if unproven:
        raise unproven
    return status.line(path, manifest, shipped)


def _hand_on(path: str, settings: Mapping[str, Any], runner: Runner) -> int:
    """Thin out here, ship, and thin out there; returns to how many places it went."""
    # Before anything is shipped: a place that cannot be reached must not fill this disk.
    keep.prune(settings["directory"], settings["cluster_name"], retention.rules(settings["retention"]))
    targets = [with_defaults(target) for target in settings["targets"]]
    places = ship.places(targets, settings["retention"], settings["host"], runner)
    return len(ship.ship(path, places))


def _tell(directory: str, manifest: Mapping[str, Any], *, success: bool) -> None:
    files.write_atomic(str(Path(directory, status.LAST_METRIC_FILE)), status.metrics(manifest, success=False))
    if success:
        files.write_atomic(str(Path(directory, status.METRIC_FILE)), status.metrics(manifest))


def choose(gateways: Sequence[Gateway], own: str) -> tuple[Gateway, choice.Choice] | None:
    """Choose this host's own member, so that every host has snapshots.

    None where it leads and a healthy follower is there: the leader has enough to do. Where it does not
    answer, the best of the others is taken. Without a quorum every host takes its own.
    """
    best = keep.choose(gateways, "")
    try:
        mine = keep.choose(gateways, own)
    except Refusal:
        return best
    leads = mine[1].status.is_leader and not best[1].status.is_leader and not best[1].quorum_lost
    reason = "the member of this host"
    return None if leads else (mine[0], replace(mine[1], reason=reason))


def main(arguments: Sequence[str]) -> int:
    """Entry point: the settings' path as only argument."""
    try:
        line = run(json.loads(Path(arguments[0]).read_text(encoding="utf-8")))
    except (KubeopsError, OSError) as error:
        sys.stderr.write(f"etcd backup failed: {error}\n")
        return 1
    sys.stdout.write(f"{line}\n")
    return 0
