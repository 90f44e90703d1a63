# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands are run for real."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from ansible_collections.kubeops.cluster.plugins.module_utils._core.errors import KubeopsError
from ansible_collections.kubeops.cluster.plugins.module_utils._core.runner import Runner


def test_output_input_and_environment(runner: Runner) -> None:
    result = runner.run(["sh", "-c", "cat; echo $ADDED $LC_ALL; echo oops >&2"], stdin="in\n", env={"ADDED": "yes"})
    assert (result.rc, result.stdout, result.stderr) == (0, "in\nyes C\n", "oops\n")
    assert result.argv[0] == "sh"
    assert result.seconds > 0


def test_failure_says_what_failed_and_why(runner: Runner) -> None:
    with pytest.raises(KubeopsError) as caught:
        runner.run(["sh", "-c", "echo one; echo the reason >&2; exit 3"])
    assert str(caught.value) == "sh failed. Seen: exit code 3: the reason."
    assert caught.value.details["rc"] == 3


def test_failure_can_be_wanted(runner: Runner) -> None:
    assert runner.run(["false"], check=False).rc == 1


def test_stdin_is_never_in_the_message(runner: Runner) -> None:
    with pytest.raises(KubeopsError) as caught:
        runner.run(["false"], stdin="hunter2")
    assert "hunter2" not in str(caught.value) + repr(caught.value.details)


def test_descriptors_reach_a_command_only_when_passed(runner: Runner, tmp_path: Path) -> None:
    with (tmp_path / "file").open("w") as handle:
        os.set_inheritable(handle.fileno(), True)
        there = ["test", "-e", f"/dev/fd/{handle.fileno()}"]
        assert runner.run(there, check=False).rc == 1
        assert runner.run(there, pass_fds=[handle.fileno()]).rc == 0


def test_unknown_program(runner: Runner) -> None:
    with pytest.raises(KubeopsError, match="no-such-program is not installed"):
        runner.run(["no-such-program"])
    with pytest.raises(KubeopsError, match="cannot be run"):
        runner.run(["/no/such/program"])


def test_timeout_ends_children_too(runner: Runner) -> None:
    started = time.monotonic()
    with pytest.raises(KubeopsError, match=r"sh did not end within 0\.2 s"):
        runner.run(["sh", "-c", "sleep 30 & sleep 30"], timeout=0.2)
    assert time.monotonic() - started < 5
