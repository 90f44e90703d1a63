# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which snapshots to keep (pure): by count and age in each class, never past the newest verified one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

CLASSES = ("manual", "hourly", "daily", "weekly")


@dataclass(frozen=True)
class Rule:
    """How many snapshots of a class to keep, and for how many days; None: no limit."""

    count: int | None = None
    days: float | None = None


def rules(options: Mapping[str, Mapping[str, Any] | None]) -> dict[str, Rule]:
    """Build the rules of the classes that options name."""
    return {name: Rule(rule.get("count"), rule.get("days")) for name, rule in options.items() if rule is not None}


@dataclass(frozen=True)
class Entry:
    """A snapshot in a directory. unproven: it was to be proven and could not be; nothing is said against it."""

    path: str
    schedule: str
    taken_at: datetime
    cluster_name: str
    unproven: bool = False


def is_unproven(manifest: Mapping[str, Any]) -> bool:
    """Whether the snapshot of this manifest was to be proven, and could not be."""
    return manifest.get("proof", {}) is None


def of_cluster(entries: Sequence[Entry], cluster_name: str) -> list[Entry]:
    """Return those of one cluster: clusters that share a place never thin out each other's snapshots."""
    return [entry for entry in entries if entry.cluster_name == cluster_name]


def surplus(
    entries: Sequence[Entry], rules: Mapping[str, Rule], now: datetime, verified: Entry
) -> list[tuple[Entry, str]]:
    """Return what may go, oldest first, each with the reason.

    entries: those of one cluster, verified among them, which was checked just now: only what is older than it may go,
    and behind an unproven one only unproven ones. Nor do those count where the others are counted.
    """
    found: list[tuple[Entry, str]] = []
    newer: Counter[str] = Counter()
    newer_proven: Counter[str] = Counter()
    for entry in sorted(entries, key=lambda entry: entry.taken_at, reverse=True):
        position = (newer if entry.unproven else newer_proven)[entry.schedule]
        newer[entry.schedule] += 1
        newer_proven[entry.schedule] += not entry.unproven
        reason = _why(entry, position, rules.get(entry.schedule, Rule()), now)
        if reason and entry.taken_at < verified.taken_at and (entry.unproven or not verified.unproven):
            found.append((entry, reason))
    return found[::-1]


def _why(entry: Entry, position: int, rule: Rule, now: datetime) -> str:
    if rule.count is not None and position >= rule.count:
        return f"more than {rule.count} {entry.schedule} snapshots"
    if rule.days is not None and now - entry.taken_at > timedelta(days=rule.days):
        return f"older than {rule.days:g} days"
    return ""
