# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the members are one healthy cluster with the same content."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .._core import clock
from .._core.errors import KubeopsError
from .choice import Status
from .gateway import Gateway
from .model import Member

POLL_SECONDS = 1.0


@dataclass(frozen=True)
class Wanted:
    """Names of the members, the revision they have to be past, and the cluster's id, empty for any."""

    names: frozenset[str]
    revision: int = 0
    cluster_id: str = ""


def missing(wanted: Wanted, members: Sequence[Member], statuses: Sequence[Status]) -> str:
    """Return what is not as wanted (pure), empty where all of it is; hashes are compared elsewhere."""
    listed = {member.name for member in members}
    if listed != wanted.names:
        return f"its members are {', '.join(sorted(listed))}; wanted {', '.join(sorted(wanted.names))}"
    silent = wanted.names - {status.member.name for status in statuses}
    if silent:
        return f"{', '.join(sorted(silent))} did not answer"
    for label, values in (
        ("ids of the cluster", {status.cluster_id for status in statuses}),
        ("leaders", {status.leader for status in statuses}),
    ):
        if len(values) > 1 or "" in values:
            return f"{label} are {', '.join(sorted(value or 'none' for value in values))}"
    found = statuses[0].cluster_id
    if wanted.cluster_id not in ("", found):
        return f"the cluster's id is {found}, wanted {wanted.cluster_id}: etcd runs on other data"
    ill = [f"{status.member.name}: {', '.join(status.errors)}" for status in statuses if status.errors]
    learners = [member.name for member in members if member.is_learner]
    if ill or learners:
        return "; ".join(ill + [f"{name} is a learner" for name in learners])
    behind = [status.member.name for status in statuses if status.revision < wanted.revision]
    return f"{', '.join(behind)} not yet at revision {wanted.revision}" if behind else ""


def wait(gateways: Sequence[Gateway], wanted: Wanted, timeout: float) -> dict[str, Any]:
    """Wait until every member says the same; raises KubeopsError with what is missing after timeout seconds."""
    deadline = clock.monotonic() + timeout
    while True:
        found, why = _look(gateways, wanted)
        if not why:
            return found
        if clock.monotonic() > deadline:
            raise KubeopsError(
                "etcd is not one healthy cluster", seen=why, fix="look at the logs of the members, then run again"
            )
        time.sleep(POLL_SECONDS)


def _look(gateways: Sequence[Gateway], wanted: Wanted) -> tuple[dict[str, Any], str]:
    why = "no endpoint answered"
    for gateway in gateways:
        try:
            members = gateway.members()
            statuses = gateway.statuses(members)
            why = missing(wanted, members, statuses)
            return _compared(gateway, statuses) if not why else ({}, why)
        except KubeopsError as error:  # noqa: PERF203 - one endpoint after the other is the point
            why = str(error)
    return {}, why


def _compared(gateway: Gateway, statuses: Sequence[Status]) -> tuple[dict[str, Any], str]:
    """Hash all keys at a revision that every member has."""
    revision = min(status.revision for status in statuses)
    hashes = {status.member.name: gateway.of(status.member).hash_kv(revision) for status in statuses}
    if len(set(hashes.values())) > 1:
        return {}, f"hashes at revision {revision} differ: {hashes}"
    first = statuses[0]
    leader = next((status.member.name for status in statuses if status.is_leader), "")
    return {
        "cluster_id": first.cluster_id,
        "leader": leader,
        "revision": revision,
        "hash": hashes[first.member.name],
    }, ""
