# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Carries out the plan of managed_files, and takes it back when a part of it fails."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from .._core.errors import KubeopsError
from .._core.files import remove, write_atomic
from .._core.plan import Step
from .._core.runner import Runner
from .._systemd.probe import read_units
from .model import FileRequest, FileState
from .plan import DAEMON_RELOAD, DISABLE, ENABLE, RELOAD, REMOVE, RESTART, START


def missing_validator(runner: Runner, request: FileRequest) -> str | None:
    """Name of the validate command that is not on the node (yet), None when it is."""
    command = request.validate.split()[0]
    return None if runner.which(command) else command


def validate(runner: Runner, request: FileRequest, directory: str) -> None:
    """Run the request's validate command on a copy of the new content in `directory` (private to this call)."""
    copy = Path(directory) / Path(request.path).name
    write_atomic(str(copy), request.content, mode=0o600)
    checked = runner.run([word.replace("%s", str(copy)) for word in request.validate.split()], check=False)
    copy.unlink()
    if checked.rc != 0:
        output = "(output withheld: the file is secret)" if request.secret else (checked.stderr or checked.stdout)
        raise KubeopsError(
            what=f"the new content of {request.path} is not valid",
            seen=f"{request.validate!r} exited with {checked.rc}: {output.strip()[-2000:]}",
            fix="correct the variables that make up this file; nothing was changed",
        )


def write_files(steps: Sequence[Step], requests: Mapping[str, FileRequest], directory_mode: int) -> list[str]:
    """Carry out file steps; returns the paths under which replaced files were kept."""
    kept = (_write_file(step, requests[step.target], directory_mode) for step in steps)
    return [path for path in kept if path]


def _write_file(step: Step, request: FileRequest, directory_mode: int) -> str | None:
    if step.action == REMOVE:
        return remove(request.path, backup=request.backup)
    Path(request.path).parent.mkdir(mode=directory_mode, parents=True, exist_ok=True)
    return write_atomic(
        request.path, request.content, request.mode, owner=request.owner, group=request.group, backup=request.backup
    )


def put_back(steps: Sequence[Step], observed: Mapping[str, FileState]) -> None:
    """The files of `steps` as they were observed."""
    for step in steps:
        seen = observed[step.target]
        if seen.content is None:
            remove(step.target)
        else:
            write_atomic(step.target, seen.content, seen.mode, owner=seen.uid, group=seen.gid)


def apply_units(runner: Runner, steps: Sequence[Step]) -> None:
    """Carry out unit steps, then make sure that what was (re)started stays up."""
    # systemctl reloads the manager by itself where it enables or disables, and each time takes half a second.
    boot = [step for step in steps if step.action in (ENABLE, DISABLE)]
    if not boot and any(step.action == DAEMON_RELOAD for step in steps):
        runner.run(["systemctl", "daemon-reload"])
    for step in [*boot, *(step for step in steps if step.action in (RESTART, RELOAD, START))]:
        _apply_unit(runner, step)
    _require_active(runner, [step.target for step in steps if step.action in (RESTART, START)])


def _apply_unit(runner: Runner, step: Step) -> None:
    result = runner.run(["systemctl", step.action, step.target], check=False)
    if result.rc != 0:
        raise unit_error(runner, step.target, f"systemctl {step.action} exited with {result.rc}")


def _require_active(runner: Runner, names: Sequence[str]) -> None:
    for name, unit in read_units(runner, names).items():
        if unit.condition_met and not unit.active:
            raise unit_error(runner, name, f"it is {unit.active_state} ({unit.sub_state}) right after its start")


def unit_error(runner: Runner, name: str, seen: str) -> KubeopsError:
    """The error for a unit that does not come up, with the end of its journal."""
    journal = runner.run(["journalctl", "--unit", name, "--lines", "15", "--no-pager", "--output", "cat"], check=False)
    return KubeopsError(what=f"{name} does not run", seen=f"{seen}; its journal ends with:\n{journal.stdout.strip()}")
