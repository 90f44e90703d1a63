# SPDX-License-Identifier: GPL-3.0-or-later
"""The probe, run for real on the machine of the tests."""

from __future__ import annotations

import os
import platform
import socket
from pathlib import Path

import cryptography
import pytest
from ansible_collections.kubeops.cluster.plugins.module_utils._core.runner import Runner
from ansible_collections.kubeops.cluster.plugins.module_utils._node import probe


def test_every_section_is_there(runner: Runner) -> None:
    facts = probe.probe_node(runner)
    assert set(facts) == {"schema", "notes", *probe.SECTIONS}
    assert facts["kernel"] == os.uname().release
    assert facts["memory_mib"] > 100
    assert facts["cgroup"]["version"] in (1, 2)
    assert set(facts["disk"]) == set(probe.DISKS)
    assert facts["kubernetes"]["state"] in ("absent", "partial", "complete")


def test_python_is_the_one_that_runs_here(runner: Runner) -> None:
    """cryptography is named by version, or absent and then installed by the role node_prep."""
    python = probe.SECTIONS["python"](runner)
    assert python == {"version": platform.python_version(), "cryptography": cryptography.__version__}


def test_space_at_further_paths(runner: Runner, tmp_path: Path) -> None:
    later = str(tmp_path / "not" / "there" / "yet")
    disk = probe.probe_node(runner, ["disk"], [later, "/var/log"])["disk"]
    assert set(disk) == {*probe.DISKS, later}
    assert disk[later]["total_mib"] > 0


def test_a_subset(runner: Runner) -> None:
    assert set(probe.probe_node(runner, ["time", "hostname"])) == {"schema", "notes", "time", "hostname"}


def test_a_section_that_fails_leaves_a_note(runner: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(runner: Runner) -> None:
        raise PermissionError("not for you")

    monkeypatch.setattr(probe, "SECTIONS", {**probe.SECTIONS, "swap": broken})
    facts = probe.probe_node(runner, ["swap", "kernel"])
    assert facts["swap"] is None
    assert facts["notes"] == {"swap": "PermissionError: not for you"}
    assert facts["kernel"]


def test_listening_names_its_owner(runner: Runner) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        entry = next(row for row in probe.SECTIONS["listening"](runner) if row["port"] == port)
    name = Path("/proc/self/comm").read_text().strip()
    assert entry == {"port": port, "protocol": "tcp", "address": "127.0.0.1", "process": name}


def test_a_socket_answers_or_not(tmp_path: Path) -> None:
    path = tmp_path / "runtime.sock"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        assert probe._answers(str(path))
    assert not probe._answers(str(path))
    assert not probe._answers(str(tmp_path / "none.sock"))
