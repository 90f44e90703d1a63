# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads systemd units."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from .._core import clock
from .._core.runner import Runner
from .unit import (
    PROPERTIES,
    UnitState,
    parse_show,
    runs_another,
    unit_state,
)


def read_units(runner: Runner, names: Sequence[str]) -> dict[str, UnitState]:
    """States of the named units by the name asked for, with one call; unknown units are not loaded."""
    if not names:
        return {}
    full_names = [_full_name(name) for name in names]
    shown = runner.run(["systemctl", "show", "--property", ",".join(PROPERTIES), "--", *full_names])
    boot_epoch = clock.now().timestamp() - clock.monotonic()
    blocks = parse_show(shown.stdout)
    units = [unit_state(name, block, boot_epoch) for name, block in zip(names, blocks)]
    return {unit.name: replace(unit, replaced=_is_replaced(unit)) for unit in units}


def _is_replaced(unit: UnitState) -> bool:
    if not unit.main_pid or not unit.program:
        return False
    try:
        return runs_another(str(Path(f"/proc/{unit.main_pid}/exe").readlink()), str(Path(unit.program).resolve()))
    except OSError:
        return False  # It ended a moment ago.


def _full_name(name: str) -> str:
    return name if "." in name else name + ".service"
