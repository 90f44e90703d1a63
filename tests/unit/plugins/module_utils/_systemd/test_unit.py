# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading ``systemctl show``."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.kubeops.cluster.plugins.module_utils._systemd.unit import (
    parse_show,
    runs_another,
    unit_state,
)

FIXTURES = Path(__file__).parents[3] / "fixtures/systemctl/252"
RECORDED = (FIXTURES / "show.txt").read_text()


def test_three_units_of_one_call():
    active, unknown, never_started = (unit_state(b["Id"], b, 1000.0) for b in parse_show(RECORDED))
    assert (active.loaded, active.active, active.enabled, active.started_at) == (
        True,
        True,
        True,
        pytest.approx(1000.0 + 2897.687369),
    )
    assert (unknown.loaded, unknown.active, unknown.enabled) == (False, False, False)
    assert (never_started.active, never_started.enabled, never_started.condition_met) == (False, None, True)
    assert never_started.started_at == 0.0


def test_program_and_process():
    blocks = parse_show((FIXTURES / "show-program.txt").read_text())
    running, unknown = (unit_state(block["Id"], block, 1000.0) for block in blocks)
    assert (running.main_pid, running.program) == (140, "/usr/bin/containerd")
    assert (unknown.main_pid, unknown.program) == (0, "")


@pytest.mark.parametrize(
    ("executable", "program", "another"),
    [
        ("/usr/bin/containerd", "/usr/bin/containerd", False),
        ("/usr/bin/containerd (deleted)", "/usr/bin/containerd", True),
        ("/usr/bin/containerd", "/usr/local/bin/containerd", True),
        # A script that hands over to what it starts.
        ("/usr/bin/bash", "/usr/bin/start-containerd", False),
    ],
)
def test_a_process_runs_another_program_than_the_next_start(executable, program, another):
    assert runs_another(executable, program) is another
