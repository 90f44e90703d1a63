# SPDX-License-Identifier: GPL-3.0-or-later
"""How every check ends: all findings, then 1 where there are any."""

from __future__ import annotations

from collections.abc import Iterable

SKIPPED = 77  # exit code of a check that this machine can't do; what it printed is the reason


def report(findings: Iterable[str], checked: str) -> int:
    """Print the findings, or what was checked; return the exit code."""
    listed = sorted(set(findings))
    for finding in listed:
        print(finding)
    print(f"{len(listed)} findings in {checked}")
    return 1 if listed else 0
