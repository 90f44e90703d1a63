# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Time, in one place, so that everything else takes it as an argument."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timezone


def now() -> datetime:
    """The present moment, in UTC."""
    return datetime.now(timezone.utc)


def monotonic() -> float:
    """Seconds on a clock that never jumps, for measuring durations."""
    return time.monotonic()


def until(done: Callable[[], bool], seconds: float, poll_seconds: float = 1.0) -> bool:
    """Wait until done says so, which is asked at least once; False where it did not within that time."""
    deadline = monotonic() + seconds
    while not done():
        if monotonic() > deadline:
            return False
        time.sleep(poll_seconds)
    return True
