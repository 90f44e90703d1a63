# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tools import processes

SLEEP = "import time; time.sleep(60)"
# Prints the pid of a child that outlives it, and ends or sleeps.
PARENT = f"import subprocess, sys; print(subprocess.Popen([sys.executable, '-c', '{SLEEP}']).pid, flush=True)"


@pytest.fixture(autouse=True)
def interrupts() -> Iterator[None]:
    """A program started by a shell's background job ignores interrupts, and so would the programs here."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def start(tmp_path: Path, code: str) -> processes.Process:
    with (tmp_path / "output").open("wb") as output:
        return processes.start([sys.executable, "-c", code], tmp_path, os.environ, output)


def until(condition: Callable[[], bool]) -> bool:
    """Whether something comes true within ten seconds."""
    deadline = time.monotonic() + 10
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    return condition()


def has_said(tmp_path: Path) -> bool:
    """Whether the program has printed its line, hence is under way."""
    return (tmp_path / "output").read_text().endswith("\n")


def is_gone(pid: int) -> bool:
    """Whether a process ended, reaped or not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def test_within_its_time_a_program_ends_with_its_own_code(tmp_path: Path):
    assert processes.wait(start(tmp_path, "raise SystemExit(3)"), 60) == 3


def test_over_its_time_a_program_may_clean_up(tmp_path: Path):
    code = "import pathlib, time\ntry:\n  print(flush=True); time.sleep(60)\nfinally: pathlib.Path('clean').touch()"
    process = start(tmp_path, code)
    assert until(lambda: has_said(tmp_path))
    assert processes.wait(process, 0, grace=30) is None
    assert (tmp_path / "clean").exists()


def test_one_that_ignores_the_interrupt_is_killed(tmp_path: Path):
    code = f"import signal; signal.signal(signal.SIGINT, signal.SIG_IGN); print(flush=True); {SLEEP}"
    process = start(tmp_path, code)
    assert until(lambda: has_said(tmp_path))
    assert processes.wait(process, 0, grace=0.2) is None
    assert process.returncode == -signal.SIGKILL


@pytest.mark.parametrize(("rest", "limit"), [("", 60), (f"; {SLEEP}", 0)])
def test_children_end_with_their_parent(tmp_path: Path, rest: str, limit: float):
    process = start(tmp_path, PARENT + rest)
    assert until(lambda: has_said(tmp_path))
    processes.wait(process, limit)
    child = int((tmp_path / "output").read_text())
    assert until(lambda: is_gone(child))
