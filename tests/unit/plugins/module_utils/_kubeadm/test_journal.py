# SPDX-License-Identifier: GPL-3.0-or-later
"""The node's lock, held by a real second process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
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

# What a module does, with a program called kubeadm that ends when it is let go.
MODULE = """
import sys
from ansible_collections.kubeops.cluster.plugins.module_utils._core.runner import Programs, Runner
from ansible_collections.kubeops.cluster.plugins.module_utils._kubeadm import command, journal, paths
paths.RUN, paths.LOCK = sys.argv[1:]
with journal.exclusive(0):
    command.run(Runner(Programs()), ["init"], 30)
print("ended")
"""
KUBEADM = """#!/bin/sh
echo works > works
for turn in $(seq 300); do [ -e let-go ] && exit; sleep 0.1; done
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


@pytest.fixture
def module(lock: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[subprocess.Popen[str]]:
    """A module whose kubeadm works."""
    kubeadm = lock.with_name("kubeadm")
    kubeadm.write_text(KUBEADM)
    kubeadm.chmod(0o755)
    monkeypatch.setenv("PATH", str(lock.parent), prepend=os.pathsep)
    monkeypatch.setenv("PYTHONPATH", os.environ["ANSIBLE_COLLECTIONS_PATH"])
    command = [sys.executable, "-c", MODULE, str(lock.parent), str(lock)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=lock.parent) as process:
        while not lock.with_name("works").exists():
            assert process.poll() is None, "the module ended before its kubeadm began"
            time.sleep(0.05)
        yield process
        lock.with_name("let-go").touch()


def test_kubeadm_holds_the_lock_when_its_module_was_killed(lock: Path, module: subprocess.Popen[str]) -> None:
    module.kill()
    assert module.wait() == -signal.SIGKILL
    assert journal.running()
    assert not journal.settle(0)
    lock.with_name("let-go").touch()
    assert journal.settle(30)


def test_a_module_goes_on_when_its_terminal_goes_away(lock: Path, module: subprocess.Popen[str]) -> None:
    module.send_signal(signal.SIGHUP)
    assert journal.running()
    lock.with_name("let-go").touch()
    assert module.communicate(timeout=30)[0] == "ended\n"
    assert journal.settle(0)


def test_what_is_ignored_is_minded_again(lock: Path) -> None:
    before = signal.getsignal(signal.SIGHUP)
    with journal.exclusive(0):
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    assert signal.getsignal(signal.SIGHUP) == before
    assert journal.descriptors() == []
