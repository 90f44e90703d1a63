# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Time, in one place, so that everything else takes it as an argument."""

from __future__ import annotations

import time
from datetime import datetime, timezone


def now() -> datetime:
    """The present moment, in UTC."""
    return datetime.now(timezone.utc)


def monotonic() -> float:
    """Seconds on a clock that never jumps, for measuring durations."""
    return time.monotonic()
