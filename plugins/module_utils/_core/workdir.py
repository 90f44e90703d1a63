# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private directories for one run, which leave nothing behind even when the run is killed."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from . import locks

# For root: /tmp may forbid to run programs, and is often memory.
ROOT = "/var/lib/kubeops"


def room() -> str:
    """Return where private directories may be made."""
    if os.geteuid() == 0:
        Path(ROOT).mkdir(mode=0o755, parents=True, exist_ok=True)
        return ROOT
    return tempfile.gettempdir()


def _nothing(_directory: str) -> None:
    """Nothing has to end before a directory is removed."""


@contextmanager
def work_directory(parent: str, prefix: str, before_removal: Callable[[str], None] = _nothing) -> Iterator[str]:
    """Make a directory in parent, for this user alone, and remove it at the end.

    A lock on it tells that its run lives; those of runs that were killed are removed first. before_removal
    is called with each directory that is about to go, so that processes that use it can be ended.
    """
    sweep(parent, prefix, before_removal)
    directory = tempfile.mkdtemp(prefix=prefix, dir=parent)
    handle = _lock(directory)
    try:
        yield directory
    finally:
        before_removal(directory)
        shutil.rmtree(directory)
        if handle is not None:
            os.close(handle)


def sweep(parent: str, prefix: str, before_removal: Callable[[str], None] = _nothing) -> list[str]:
    """Remove the directories of runs that live no more; returns which."""
    removed = []
    for left in sorted(Path(parent).glob(f"{prefix}*")):
        handle = _lock(str(left))
        if handle is not None:
            before_removal(str(left))
            shutil.rmtree(left)
            os.close(handle)
            removed.append(str(left))
    return removed


def _lock(directory: str) -> int | None:
    """The lock, or None where another process has it."""
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    if locks.acquire(handle):
        return handle
    os.close(handle)
    return None
