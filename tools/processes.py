# SPDX-License-Identifier: GPL-3.0-or-later
"""Child processes in process groups of their own, so that what they started ends with them."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import IO

Process = subprocess.Popen[bytes]


def interruptible(main: Callable[[], int]) -> int:
    """Run a program that SIGTERM ends as Ctrl-C does: in order, its children too. Its exit code."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)
    signal.signal(signal.SIGINT, interrupt)  # children of a shell's background job would inherit that it is ignored
    try:
        return main()
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 128 + signal.SIGINT


def start(argv: Sequence[str], cwd: Path, environment: Mapping[str, str], output: IO[bytes] | None = None) -> Process:
    """Start a program; standard output and error go to the file, or where ours go."""
    errors = subprocess.STDOUT if output else None
    return subprocess.Popen(
        argv, cwd=cwd, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=errors, start_new_session=True
    )


def end(process: Process, grace: float = 0) -> None:
    """Interrupt the program and give it so many seconds to clean up; then kill what is left of its group."""
    if grace and process.poll() is None:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(grace)
        except subprocess.TimeoutExpired:
            print(f"still there {grace:.0f} s after an interrupt, killed: {process.args!r}", flush=True)
    with contextlib.suppress(ProcessLookupError):  # nothing is left of the group
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def wait(process: Process, limit: float, grace: float = 0) -> int | None:
    """Exit code, or None when the time was over. Whatever happens, nothing of the group is left."""
    try:
        return process.wait(limit)
    except subprocess.TimeoutExpired:
        return None
    finally:
        end(process, grace)
