# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the members are one healthy cluster with the same content."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from .._core import clock
from .._core.errors import KubeopsError
from . import alarms, keep
from .choice import Status, followers, status_from_json
from .content import AGREES, UNKNOWN, Content, judge
from .gateway import Gateway, first_answer
from .model import Member
from .programs import Source
from .quorum import voter_count

POLL_SECONDS = 1.0
COMPARE_SECONDS = 30.0


@dataclass(frozen=True)
class Wanted:
    """Names of the members, the revision they have to be past, and the cluster's id, empty for any."""

    names: frozenset[str]
    revision: int = 0
    cluster_id: str = ""


def missing(wanted: Wanted, members: Sequence[Member], statuses: Sequence[Status]) -> str:
    """Return what is not as wanted (pure), empty where all of it is; hashes are compared elsewhere.

    Alarms are no reason: those in a snapshot are restored with it, and waiting lifts none.
    """
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
    errors = {status.member.name: alarms.split(status.errors)[1] for status in statuses}
    ill = [f"{name}: {', '.join(told)}" for name, told in errors.items() if told]
    learners = [member.name for member in members if member.is_learner]
    if ill or learners:
        return "; ".join(ill + [f"{name} is a learner" for name in learners])
    behind = [status.member.name for status in statuses if status.revision < wanted.revision]
    return f"{', '.join(behind)} not yet at revision {wanted.revision}" if behind else ""


def wait(gateways: Sequence[Gateway], wanted: Wanted, timeout: float, source: Source) -> dict[str, Any]:
    """Wait until every member says the same; raises KubeopsError with what is missing after timeout seconds.

    source is where etcdctl comes from, which asks where the gateway is switched off.
    """
    deadline = clock.monotonic() + timeout
    with ExitStack() as held:
        while True:
            try:
                found, why = _look(gateways, wanted)
            except KubeopsError as error:
                found, why = {}, str(error)
                if error.details.get("gateway") == "off":
                    gateways = held.enter_context(keep.by_etcdctl(gateways, source))
            if not why:
                return found
            if clock.monotonic() > deadline:
                raise KubeopsError(
                    "etcd is not one healthy cluster", seen=why, fix="look at the logs of the members, then run again"
                )
            time.sleep(POLL_SECONDS)


def _look(gateways: Sequence[Gateway], wanted: Wanted) -> tuple[dict[str, Any], str]:
    gateway, members = first_answer(gateways)
    statuses = gateway.statuses(members)
    why = missing(wanted, members, statuses)
    return ({}, why) if why else _compared(gateway, statuses)


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
        "alarms": [alarm.strip() for alarm in alarms.split(first.errors)[0]],
    }, ""


def compare(gateway: Gateway, own: Member) -> Content:
    """Compare a voter that works with the others, as long as they do not compare because one is behind."""
    deadline = clock.monotonic() + COMPARE_SECONDS
    while True:
        try:
            found = _against_others(gateway, own)
        except KubeopsError as error:  # a revision may be compacted meanwhile
            found = Content(UNKNOWN, str(error))
        if found.verdict != UNKNOWN or clock.monotonic() > deadline:
            return found
        time.sleep(POLL_SECONDS)


def _against_others(gateway: Gateway, own: Member) -> Content:
    members = gateway.members()
    voters = voter_count(members)
    if voters == 1:
        return Content(AGREES, "it is the only voter")
    following = [status for status in followers(members, gateway.statuses(members)) if not status.member.is_learner]
    others = [status for status in following if status.member.id != own.id]
    versions = sorted({status.version for status in following})
    if not others or len(versions) > 1:
        told = f"they run {', '.join(versions)}, which may hash otherwise" if others else "no other voter answers"
        return Content(UNKNOWN, told)
    revision, index = min(status.revision for status in others), max(status.raft_index for status in others)
    mine = gateway.of(own)
    applied = status_from_json(own, mine.status()).raft_index
    if applied < index:
        return Content(UNKNOWN, f"{own.name} has applied the log up to {applied}, the others up to {index}")
    # Asked again: a status is not of one moment, and its revision is read before its index.
    reached = status_from_json(own, mine.status()).revision
    hashed = [status.member for status in others] + [own] * (reached >= revision)
    hashes = {member.name: gateway.of(member).content_at(revision) for member in hashed}
    return judge(own.name, revision, hashes, voters)
