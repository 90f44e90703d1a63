# SPDX-License-Identifier: GPL-3.0-or-later
"""Which processes are a program of the node."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from ansible_collections.kubeops.cluster.plugins.module_utils._core import processes

MANAGER = "kube-controller-manager"


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[str], int]]:
    """Run a program of this name; returns its process id."""
    started: list[subprocess.Popen[bytes]] = []

    def run(name: str) -> int:
        program = tmp_path / name
        shutil.copy(shutil.which("sleep") or "", program)
        process = subprocess.Popen([str(program), "60"])
        started.append(process)
        # The kernel sets name and command line up a moment after it took the program.
        while processes.arguments(process.pid)[:1] != [str(program)]:
            assert process.poll() is None
            time.sleep(0.01)
        return process.pid

    yield run
    for process in started:
        process.kill()
        process.wait()


@pytest.mark.parametrize(
    ("program", "asked", "found"),
    [
        (MANAGER, MANAGER, True),
        # The kernel cuts both to kube-controller.
        ("kube-controllers", MANAGER, False),
        ("kube-controllers", "kube-controllers", True),
        (MANAGER, "kube-controller", False),
    ],
)
def test_a_program_by_its_whole_name(start: Callable[[str], int], program: str, asked: str, found: bool) -> None:
    before, pid = time.time(), start(program)
    assert (pid in processes.running(asked)) is found
    newest = processes.started([asked, "nothing-of-this-name"]).get(asked, 0.0)
    assert (newest > before - 1) is found


@pytest.mark.parametrize(("network", "found"), [("net:[1]", True), ("net:[2]", False), ("", True)])
def test_a_program_in_a_network_of_its_own_is_none_of_the_node(
    start: Callable[[str], int], monkeypatch: pytest.MonkeyPatch, network: str, found: bool
) -> None:
    pid = start("etcd")
    own = f"/proc/{pid}"
    monkeypatch.setattr(processes, "_network", lambda entry: network if str(entry) == own else "net:[1]")
    assert (pid in processes.running("etcd")) is found
