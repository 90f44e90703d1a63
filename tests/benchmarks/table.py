# SPDX-License-Identifier: GPL-3.0-or-later
"""One way to print a benchmark: what was measured, seconds, and its ratio to the baseline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class Row:
    """Seconds of every run of one thing; `goal` is the ratio it must not exceed."""

    name: str
    seconds: Sequence[float]
    goal: float | None = None

    @property
    def middle(self) -> float:
        return median(self.seconds)


def render(title: str, rows: Sequence[Row]) -> str:
    """Rows as a table; the first row is the baseline of the ratios."""
    baseline = rows[0].middle
    lines = [title, f"  {'what':44} {'min':>7} {'median':>7} {'max':>7} {'ratio':>7}  goal"]
    for row in rows:
        ratio = row.middle / baseline
        goal = "" if row.goal is None else f"<= {row.goal:g}: {'met' if ratio <= row.goal else 'MISSED'}"
        lines.append(
            f"  {row.name:44} {min(row.seconds):7.2f} {row.middle:7.2f} {max(row.seconds):7.2f} {ratio:7.2f}  {goal}"
        )
    return "\n".join(lines)
