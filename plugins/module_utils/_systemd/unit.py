# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""State of a systemd unit from ``systemctl show``. Pure.

Properties: https://www.freedesktop.org/software/systemd/man/latest/org.freedesktop.systemd1.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

PROPERTIES = (
    "Id",
    "LoadState",
    "ActiveState",
    "SubState",
    "UnitFileState",
    "NeedDaemonReload",
    "ConditionResult",
    "ConditionTimestampMonotonic",
    "ActiveEnterTimestampMonotonic",
    "StateChangeTimestampMonotonic",
    "MainPID",
    "ExecStart",
)

_ENABLED = {"enabled": True, "enabled-runtime": True, "disabled": False}


@dataclass(frozen=True)
class UnitState:
    """Observed unit. Times are seconds since the epoch, 0.0 where the unit never was active.

    `enabled` is None where the word has no meaning (static, generated, unknown unit).
    `changed_at` moves on a reload too, `started_at` does not. `main_pid` is 0 where no process runs, `program` the path
    that the next start executes, `replaced` whether the process runs another copy of that.
    """

    name: str
    loaded: bool = False
    active_state: str = ""
    sub_state: str = ""
    unit_file_state: str = ""
    need_daemon_reload: bool = False
    condition_met: bool = True
    started_at: float = 0.0
    changed_at: float = 0.0
    main_pid: int = 0
    program: str = ""
    replaced: bool = False

    @property
    def active(self) -> bool:
        return self.active_state in ("active", "reloading")

    @property
    def enabled(self) -> bool | None:
        if not self.loaded:
            return False
        return _ENABLED.get(self.unit_file_state)


def parse_show(text: str) -> list[dict[str, str]]:
    """Blocks of ``systemctl show`` (one per unit, apart by an empty line) as dictionaries."""
    blocks = (block for block in text.strip("\n").split("\n\n") if block.strip())
    return [dict(line.split("=", 1) for line in block.splitlines() if "=" in line) for block in blocks]


def unit_state(name: str, values: Mapping[str, str], boot_epoch: float) -> UnitState:
    """One block as a state; `boot_epoch` is the wall-clock time (s) at which the monotonic clock was zero."""
    return UnitState(
        name=name,
        loaded=values.get("LoadState") == "loaded",
        active_state=values.get("ActiveState", ""),
        sub_state=values.get("SubState", ""),
        unit_file_state=values.get("UnitFileState", ""),
        need_daemon_reload=values.get("NeedDaemonReload") == "yes",
        condition_met=_condition_met(values),
        started_at=_wall(values.get("ActiveEnterTimestampMonotonic", "0"), boot_epoch),
        changed_at=_wall(values.get("StateChangeTimestampMonotonic", "0"), boot_epoch),
        main_pid=int(values.get("MainPID") or 0),
        program=_program(values.get("ExecStart", "")),
    )


def runs_another(executable: str, program: str) -> bool:
    """Whether a process runs another copy of a program than the next start would.

    Args:
        executable: what ``/proc/<pid>/exe`` points to; the kernel adds `` (deleted)`` once the file was replaced.
        program: the unit's program, links resolved. One that hands over to another (a script) tells nothing.
    """
    running = executable.removesuffix(" (deleted)")
    return PurePosixPath(running).name == PurePosixPath(program).name and executable != program


def _program(exec_start: str) -> str:
    found = re.search(r"\{ path=(\S+) ;", exec_start)
    return found.group(1) if found else ""


def _condition_met(values: Mapping[str, str]) -> bool:
    """systemd says "no" too for conditions that it never had reason to check."""
    never_checked = values.get("ConditionTimestampMonotonic", "0") == "0"
    return never_checked or values.get("ConditionResult") == "yes"


def _wall(microseconds: str, boot_epoch: float) -> float:
    value = int(microseconds or 0)
    return boot_epoch + value / 1_000_000 if value else 0.0
