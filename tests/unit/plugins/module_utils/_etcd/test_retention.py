# SPDX-License-Identifier: GPL-3.0-or-later
"""Which snapshots may go."""

from __future__ import annotations

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
