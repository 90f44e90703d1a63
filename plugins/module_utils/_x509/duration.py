# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Durations as operators write them: 365d, 12h, 30m (pure)."""

from __future__ import annotations

import re
from datetime import timedelta

from .._core.errors import KubeopsError

_DURATION = re.compile(r"^(?P<number>\d+(?:\.\d+)?)(?P<unit>[dhms])$")
# Dates end with the year 9999.
LONGEST = timedelta(days=36525)
_SECONDS = {"d": 86400, "h": 3600, "m": 60, "s": 1}


def parse(text: str, option: str) -> timedelta:
    """Return the duration; raises KubeopsError naming the option."""
    match = _DURATION.match(text.strip())
    if not match:
        raise KubeopsError(
            f"{option} is no duration", seen=repr(text), fix="write a number and d, h, m or s, for instance 365d"
        )
    seconds = float(match["number"]) * _SECONDS[match["unit"]]
    if seconds > LONGEST.total_seconds():
        raise KubeopsError(
            f"{option} is longer than anything lasts", seen=text[:40], fix=f"write at most {LONGEST.days}d, a century"
        )
    return timedelta(seconds=seconds)


def describe(span: timedelta) -> str:
    """Return a duration in the unit a person would choose."""
    seconds = span.total_seconds()
    if abs(seconds) >= 2 * 86400:
        return f"{seconds / 86400:.0f} days"
    if abs(seconds) >= 2 * 3600:
        return f"{seconds / 3600:.0f} hours"
    return f"{seconds / 60:.0f} minutes"
