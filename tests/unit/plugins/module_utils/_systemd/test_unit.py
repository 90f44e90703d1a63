# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading ``systemctl show``."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.kubeops.cluster.plugins.module_utils._systemd.unit import parse_show, unit_state

RECORDED = (Path(__file__).parents[3] / "fixtures/systemctl/252/show.txt").read_text()


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
