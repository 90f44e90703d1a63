# SPDX-License-Identifier: GPL-3.0-or-later
"""The node's lock, held by a real second process."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.kubeops.cluster.plugins.module_utils._core.errors import KubeopsError
from ansible_collections.kubeops.cluster.plugins.module_utils._kubeadm import journal, paths

HOLD = """
import fcntl, sys
file = open(sys.argv[1], "ab")
fcntl.flock(file, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(paths, "RUN", str(tmp_path))
    monkeypatch.setattr(paths, "LOCK", str(tmp_path / "lock"))
    return tmp_path / "lock"


@pytest.fixture
def other_run(lock: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", HOLD, str(lock)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout and process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_nobody_works_here(lock: Path) -> None:
    assert not journal.running()
    assert journal.settle(0)


def test_another_run_works_here(other_run: subprocess.Popen[str]) -> None:
    assert journal.running()
    assert not journal.settle(0)
    with pytest.raises(KubeopsError, match="another run"), journal.exclusive(0):
        pass


def test_what_a_killed_run_left_is_waited_for(other_run: subprocess.Popen[str]) -> None:
    assert other_run.stdin
    other_run.stdin.close()
    assert journal.settle(30)
    with journal.exclusive(30):
        assert not journal.running(), "one's own lock is no other run"
