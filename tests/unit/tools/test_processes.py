# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from tools import processes

SLEEP = "import time; time.sleep(60)"
# Prints the pid of a child that outlives it, and ends or sleeps.
PARENT = f"import subprocess, sys; print(subprocess.Popen([sys.executable, '-c', '{SLEEP}']).pid, flush=True)"


def start(tmp_path: Path, code: str) -> processes.Process:
    with (tmp_path / "output").open("wb") as output:
        return processes.start([sys.executable, "-c", code], tmp_path, os.environ, output)


def is_gone(pid: int) -> bool:
    """Whether a process ended, reaped or not."""
    for _attempt in range(100):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return True
        if state == "Z":
            return True
        time.sleep(0.05)
    return False


def test_within_its_time_a_program_ends_with_its_own_code(tmp_path: Path):
    assert processes.wait(start(tmp_path, "raise SystemExit(3)"), 60) == 3


def test_over_its_time_a_program_may_clean_up(tmp_path: Path):
    code = "import pathlib, time\ntry:\n  print(flush=True); time.sleep(60)\nfinally: pathlib.Path('clean').touch()"
    assert processes.wait(start(tmp_path, code), 1, grace=10) is None
    assert (tmp_path / "clean").exists()


def test_one_that_ignores_the_interrupt_is_killed(tmp_path: Path):
    code = f"import signal; signal.signal(signal.SIGINT, signal.SIG_IGN); {SLEEP}"
    process = start(tmp_path, code)
    assert processes.wait(process, 1, grace=0.5) is None
    assert process.returncode == -9


def test_children_end_with_their_parent(tmp_path: Path):
    for rest, limit in (("", 60.0), (f"; {SLEEP}", 1.0)):
        processes.wait(start(tmp_path, PARENT + rest), limit)
        assert is_gone(int((tmp_path / "output").read_text()))
