# SPDX-License-Identifier: GPL-3.0-or-later
"""Where etcd's programs are found."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.kubeops.cluster.plugins.module_utils._core.runner import Programs, Runner
from ansible_collections.kubeops.cluster.plugins.module_utils._etcd import programs


@pytest.fixture
def running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The directory of an etcd that runs, beside one on PATH."""
    for name in ("installed", "path"):
        (tmp_path / name).mkdir()
        for program in ("etcd", "etcdutl"):
            shutil.copy(shutil.which("sleep") or "", tmp_path / name / program)
    monkeypatch.setenv("PATH", str(tmp_path / "path"), prepend=":")
    process = subprocess.Popen([str(tmp_path / "installed" / "etcd"), "60"])
    monkeypatch.setattr(programs.processes, "running", lambda _name: [process.pid])
    yield tmp_path
    process.kill()
    process.wait()


@pytest.mark.parametrize(
    ("bin_dir", "gone", "found"),
    [
        ("", "", {"etcd": "installed", "etcdutl": "installed"}),
        ("", "installed/etcdutl", {"etcd": "installed", "etcdutl": "path"}),
        # As with one in a container, whose path says nothing on the node.
        ("", "installed/etcd", {"etcd": "path", "etcdutl": "path"}),
        ("path", "", {"etcd": "path", "etcdutl": "path"}),
        ("path", "path/etcd", {"etcdutl": "path"}),
    ],
)
def test_programs_are_those_of_the_etcd_that_runs(
    running: Path, bin_dir: str, gone: str, found: dict[str, str]
) -> None:
    if gone:
        (running / gone).unlink()
    source = programs.Source(Runner(Programs()), str(running / bin_dir) if bin_dir else "")
    expected = {name: str(running / directory / name) for name, directory in found.items()}
    assert source.present(["etcd", "etcdutl"]) == expected
