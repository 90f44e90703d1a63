# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which programs run on this node, and since when (proc(5))."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path

from . import clock

# The kernel keeps this many characters of a process's name.
COMM_LENGTH = 15
# starttime among the fields after the name, which may itself hold spaces and brackets.
_START = 19


def running(name: str) -> list[int]:
    """Process ids of a program on this node, those in networks of their own aside: they are of somebody's pods."""
    return [int(entry.name) for entry in Path("/proc").glob("[0-9]*") if _is(entry, name)]


def arguments(pid: int) -> list[str]:
    """Command line of a process; empty where it ended meanwhile."""
    return [word for word in _read(Path("/proc", str(pid), "cmdline")).split("\0") if word]


def started(names: Sequence[str]) -> dict[str, float]:
    """Return when the newest process of each program began, seconds since the epoch; those that run."""
    boot = clock.now().timestamp() - time.clock_gettime(time.CLOCK_BOOTTIME)
    ticks = os.sysconf("SC_CLK_TCK")
    found: dict[str, float] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        for name in (name for name in names if _is(entry, name)):
            found[name] = max(found.get(name, 0.0), boot + _start_ticks(entry) / ticks)
    return found


def _is(entry: Path, name: str) -> bool:
    """Whether a process is that program, by its whole name: Calico has kube-controllers."""
    if _read(entry / "comm").strip() != name[:COMM_LENGTH]:
        return False
    program = Path(_read(entry / "cmdline").partition("\0")[0]).name
    return program == name and _network(entry) in ("", _network(Path("/proc/self")))


def _network(entry: Path) -> str:
    """Which network a process is in; empty where that is not told."""
    try:
        return str((entry / "ns" / "net").readlink())
    except OSError:
        return ""


def _start_ticks(entry: Path) -> int:
    fields = _read(entry / "stat").rpartition(")")[2].split()
    return int(fields[_START]) if len(fields) > _START else 0


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""  # it ended meanwhile
