# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Marks an operation that began on this node, and lets one run at a time.

The mark is evidence for the next run, never the only ground of a decision. The
lock outlives no process: it is handed on to kubeadm, so that a kubeadm which
survived its module still holds it, and the next run waits for it instead of
starting a second one.
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .._core import clock, files, locks
from .._core.errors import KubeopsError
from . import paths

POLL_SECONDS = 0.5
# Files this process has locked, with their descriptors: an own lock is not another run.
_held: dict[str, int] = {}


def unfinished() -> dict[str, str]:
    """Return operation and role of what began and did not end; empty when nothing did."""
    text = files.read_text(paths.UNFINISHED)
    if text is None:
        return {}
    try:
        return {str(key): str(value) for key, value in json.loads(text).items()}
    except (ValueError, AttributeError):
        return {"operation": "operation", "role": ""}


def begin(operation: str, role: str) -> None:
    """Record that an operation (init, join, reset) starts."""
    Path(paths.KUBEOPS).mkdir(mode=0o700, parents=True, exist_ok=True)
    entry = {"operation": operation, "role": role, "started": clock.now().isoformat()}
    files.write_atomic(paths.UNFINISHED, json.dumps(entry) + "\n", mode=0o600)


def end() -> None:
    """Record that the operation reached its end."""
    files.remove(paths.UNFINISHED)


def running() -> bool:
    """Tell whether another process works on this node's kubeadm state."""
    if paths.LOCK in _held:
        return False
    try:
        with Path(paths.LOCK).open("rb") as handle:
            return not locks.acquire(handle.fileno())
    except FileNotFoundError:
        return False


def settle(timeout: float) -> bool:
    """Wait, at most timeout seconds, until no other process works on this node; return whether none does."""
    deadline = clock.monotonic() + timeout
    while running():
        if clock.monotonic() > deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True


@contextmanager
def exclusive(timeout: float) -> Iterator[None]:
    """Hold the node's lock; raises KubeopsError when it is not free within timeout (seconds)."""
    Path(paths.RUN).mkdir(mode=0o700, parents=True, exist_ok=True)
    with Path(paths.LOCK).open("ab") as handle:
        os.fchmod(handle.fileno(), 0o600)
        _wait_for_lock(handle.fileno(), timeout)
        _held[paths.LOCK] = handle.fileno()
        try:
            with _no_hang_up():
                yield
        finally:
            del _held[paths.LOCK]


def descriptors() -> list[int]:
    """What a command has to inherit to hold the node's lock until it ends; nothing where it is not held."""
    return [_held[paths.LOCK]] if paths.LOCK in _held else []


@contextmanager
def _no_hang_up() -> Iterator[None]:
    """Ignore that the terminal went away with the controller.

    Without pipelining Ansible gives modules a terminal. What began here ends the same way with one as without.
    """
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGHUP, before)


def _wait_for_lock(descriptor: int, timeout: float) -> None:
    deadline = clock.monotonic() + timeout
    while not locks.acquire(descriptor):
        if clock.monotonic() > deadline:
            raise KubeopsError(
                "another run is working on this node",
                seen=f"{paths.LOCK} has been held for {timeout:g} s",
                fix="wait until the other run has ended, then run again",
            )
        time.sleep(POLL_SECONDS)
