# SPDX-License-Identifier: GPL-3.0-or-later
"""Which snapshots may go."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest
from ansible_collections.kubeops.cluster.plugins.module_utils._etcd.retention import Entry, Rule, surplus

NOW = datetime(2026, 11, 21, tzinfo=timezone.utc)


def daily(days: int) -> Entry:
    """A daily snapshot that is so many days old."""
    return Entry(f"daily-{days}", "daily", NOW - timedelta(days=days), "prod")


ENTRIES = [daily(days) for days in range(5)]
WEEKLY = Entry("weekly", "weekly", NOW - timedelta(days=90), "prod")


@pytest.mark.parametrize(
    ("rules", "verified", "gone"),
    [
        ({}, daily(0), []),
        ({"daily": Rule(count=3)}, daily(0), ["daily-4", "daily-3"]),
        ({"daily": Rule(days=1)}, daily(0), ["daily-4", "daily-3", "daily-2"]),
        ({"daily": Rule(count=4, days=2)}, daily(0), ["daily-4", "daily-3"]),
        ({"daily": Rule(count=0)}, daily(0), ["daily-4", "daily-3", "daily-2", "daily-1"]),
        ({"daily": Rule(count=1)}, daily(3), ["daily-4"]),
        ({"daily": Rule(count=1)}, daily(4), []),
        ({"weekly": Rule(days=31)}, daily(0), ["weekly"]),
    ],
)
def test_only_what_is_older_than_the_newest_verified_goes(
    rules: dict[str, Rule], verified: Entry, gone: list[str]
) -> None:
    found = surplus([*ENTRIES, WEEKLY], rules, NOW, verified)
    assert [entry.path for entry, __ in found] == gone
    assert all(reason for __, reason in found)


# Newest first, one a day: P is proven and u is not. verified: the place of the one that was checked just now.
@pytest.mark.parametrize(
    ("row", "rule", "verified", "gone"),
    [
        # A lasting cause: behind an unproven one just unproven ones go.
        ("uuuuPPP", Rule(count=2), 0, [3, 2]),
        ("uuuuPPP", Rule(count=2), 1, [3, 2]),
        ("uuuu", Rule(count=2), 0, [3, 2]),
        ("uuPPP", Rule(count=2), 0, []),
        ("uuuPPP", Rule(days=1), 0, [2]),
        ("u", Rule(count=0), 0, []),
        ("uuP", Rule(count=0), 0, [1]),
        # Nothing proven goes for the sake of unproven ones, newer or between.
        ("uuuuPPP", Rule(count=2), 4, [6]),
        ("PuuPPu", Rule(count=2), 0, [5, 4, 2]),
        ("PuPuPu", Rule(count=3), 0, [5, 3]),
        ("uPPP", Rule(count=3), 1, []),
    ],
)
def test_unproven_ones_are_bounded_and_take_nobodys_place(row: str, rule: Rule, verified: int, gone: list[int]) -> None:
    entries = [replace(daily(days), unproven=kind == "u") for days, kind in enumerate(row)]
    found = surplus(entries, {"daily": rule}, NOW, entries[verified])
    assert [entries.index(entry) for entry, __ in found] == gone


def test_unproven_ones_of_each_class_are_counted_by_its_own_rule() -> None:
    unproven = [replace(entry, unproven=True) for entry in [*ENTRIES, WEEKLY]]
    found = surplus(unproven, {"daily": Rule(count=4), "weekly": Rule(count=1)}, NOW, unproven[0])
    assert [entry.path for entry, __ in found] == ["daily-4"]
