# SPDX-License-Identifier: GPL-3.0-or-later
"""A cgroup of its own for every node, on cgroup v1 (and hybrid) and on v2.

On v1 a node needs one in every hierarchy: kubelets that share a controller's
root delete each other's pods.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tests.lab.errors import LabError

NEEDED = frozenset({"cpu", "cpuset", "memory", "pids"})
_CPUSET_FILES = ("cpuset.cpus", "cpuset.mems")


@dataclass(frozen=True)
class Layout:
    """`roots`: every mounted hierarchy on v1 and hybrid, the single one on v2."""

    version: int
    roots: tuple[Path, ...]


def parse_layout(mounts: str) -> Layout:
    """From /proc/self/mounts. Controllers on v1 decide, whatever else is mounted."""
    found: dict[str, list[Path]] = {"cgroup": [], "cgroup2": []}
    for line in mounts.splitlines():
        path, kind = line.split()[1:3]
        if kind in found and Path(path) not in found[kind]:
            found[kind].append(Path(path))
    if found["cgroup"]:
        return Layout(1, (*found["cgroup"], *found["cgroup2"]))
    if found["cgroup2"]:
        return Layout(2, (found["cgroup2"][0],))
    raise LabError("no cgroup file system is mounted: mount one at /sys/fs/cgroup")


def detect() -> Layout:
    return parse_layout(Path("/proc/self/mounts").read_text())


def create(layout: Layout, name: str) -> list[Path]:
    """Make group `name` in every hierarchy; returns the files that take a process id."""
    for root in layout.roots:
        group = root
        for part in Path(name).parts:
            if layout.version == 2:
                _delegate(group)
            group = group / part
            group.mkdir(exist_ok=True)
            _inherit_cpuset(group)
    return [root / name / "cgroup.procs" for root in layout.roots]


def beside(layout: Layout, procs: Sequence[Path]) -> list[Path]:
    """Files that take what lives with the groups of these, is killed with them, and is no part of them.

    A v2 group that hands its controllers to its children takes no process itself.
    """
    if layout.version == 1:
        return list(procs)
    groups = [path.parent / "launcher" for path in procs]
    for group in groups:
        group.mkdir(exist_ok=True)
    return [group / "cgroup.procs" for group in groups]


def _delegate(group: Path) -> None:
    """Hand every controller of a v2 group to its children."""
    available = set((group / "cgroup.controllers").read_text().split())
    missing = NEEDED - available
    if missing:
        raise LabError(f"{group} lacks the cgroup controllers {', '.join(sorted(missing))}")
    control = group / "cgroup.subtree_control"
    wanted = available - set(control.read_text().split())
    if wanted:
        control.write_text(" ".join(f"+{name}" for name in sorted(wanted)))


def _inherit_cpuset(group: Path) -> None:
    """A v1 cpuset takes no process before it has cpus and memory nodes."""
    for name in _CPUSET_FILES:
        own, parent = group / name, group.parent / name
        if own.exists() and parent.exists() and not own.read_text().strip():
            own.write_text(parent.read_text())


def _groups(layout: Layout, name: str) -> Iterator[Path]:
    """Every group below and including `name`, children first."""
    for root in layout.roots:
        for path, __, __ in os.walk(root / name, topdown=False):
            yield Path(path)


def processes(layout: Layout, name: str) -> set[int]:
    found: set[int] = set()
    for group in _groups(layout, name):
        with suppress(OSError):  # groups come and go while we look
            found.update(int(pid) for pid in (group / "cgroup.procs").read_text().split())
    return found - {0}


def kill(layout: Layout, name: str, timeout: float = 20.0) -> None:
    """SIGKILL everything in the group until it is empty."""
    deadline = time.monotonic() + timeout
    while left := processes(layout, name):
        if time.monotonic() > deadline:
            raise LabError(f"cgroup {name} keeps processes {sorted(left)} in spite of SIGKILL")
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.02)


def remove(layout: Layout, name: str, timeout: float = 5.0) -> None:
    """Remove the empty group and all below it; one that is not there is fine."""
    deadline = time.monotonic() + timeout
    while left := [group for group in _groups(layout, name) if not _removed(group)]:
        if time.monotonic() > deadline:
            raise LabError(f"cgroup {left[0]} cannot be removed")
        time.sleep(0.02)


def _removed(group: Path) -> bool:
    try:
        group.rmdir()
    except FileNotFoundError:
        return True
    except OSError:  # the kernel is still taking a process out of it
        return False
    return True


def children(layout: Layout, name: str) -> set[str]:
    """Names of the groups right below `name`, in any hierarchy."""
    tops = [root / name for root in layout.roots if (root / name).is_dir()]
    return {child.name for top in tops for child in top.iterdir() if child.is_dir()}
