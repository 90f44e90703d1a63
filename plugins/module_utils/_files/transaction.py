# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One observe, plan, act, verify transaction over files and the units that read them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from .._core.errors import KubeopsError
from .._core.plan import Plan, Step
from .._core.runner import Runner
from .._systemd.probe import read_units
from . import act
from .model import FileRequest, FileState, ServiceRequest, file_request
from .plan import DAEMON_RELOAD, DISABLE, ENABLE, RELOAD, RESTART, START, diffs, plan_files, plan_service, restart_due
from .probe import prunable, read_file

UNIT_ACTIONS = frozenset({DAEMON_RELOAD, DISABLE, ENABLE, RELOAD, RESTART, START})


@dataclass
class Transaction:
    """Requests of one call; `observed` is what was there before anything was touched."""

    runner: Runner
    files: Sequence[FileRequest]
    services: Sequence[ServiceRequest] = ()
    directory_mode: int = 0o755
    observed: dict[str, FileState] = field(default_factory=dict)
    backups: list[str] = field(default_factory=list)
    restarts_due: list[str] = field(default_factory=list)

    @classmethod
    def from_params(cls, runner: Runner, params: Mapping[str, Any]) -> Transaction:
        try:
            files = [file_request(entry) for entry in params["files"]]
            directory_mode = int(params["directory_mode"], 8)
        except ValueError as error:
            raise KubeopsError(what=str(error), fix="correct this option of managed_files") from None
        _require_plain_paths(files)
        listed = [request.path for request in files]
        files += [FileRequest(path=path, present=False) for path in prunable(params["prune"], listed)]
        services = [
            ServiceRequest(**{**entry, "when_changed": tuple(entry["when_changed"])}) for entry in params["services"]
        ]
        return cls(runner, files, services, directory_mode)

    def plan(self) -> Plan:
        """Observe and plan."""
        self.observed = {request.path: read_file(request.path) for request in self.files}
        steps, self.restarts_due = self._steps(self.observed)
        return Plan(steps=steps)

    def _steps(self, observed: Mapping[str, FileState]) -> tuple[tuple[Step, ...], list[str]]:
        steps = plan_files(self.files, observed)
        changed = [step.target for step in steps]
        mtimes = {path: state.mtime for path, state in observed.items()}
        units = read_units(self.runner, [service.name for service in self.services])
        for service in self.services:
            steps += plan_service(service, units[service.name], changed, mtimes)
        due = [each.name for each in self.services if restart_due(each, units[each.name], changed, mtimes)]
        return steps, due

    def validate(self, directory: str, tolerate_missing: bool) -> list[str]:
        """Validate every content that would be written; returns warnings about validators not installed yet."""
        warnings = []
        for request in self._to_validate():
            missing = act.missing_validator(self.runner, request)
            if missing and tolerate_missing:
                warnings.append(f"{request.path} was not validated: {missing} is not installed yet")
            else:
                act.validate(self.runner, request, directory)
        return warnings

    def _to_validate(self) -> list[FileRequest]:
        changing = {step.target for step in plan_files(self.files, self.observed)}
        return [request for request in self.files if request.validate and request.present and request.path in changing]

    def apply(self, plan: Plan) -> None:
        """Carry out the plan; on failure the earlier files are put back and their units restarted."""
        file_steps = [step for step in plan.steps if step.action not in UNIT_ACTIONS]
        unit_steps = [step for step in plan.steps if step.action in UNIT_ACTIONS]
        try:
            requests = {request.path: request for request in self.files}
            self.backups = act.write_files(file_steps, requests, self.directory_mode)
            act.apply_units(self.runner, unit_steps)
        except (KubeopsError, OSError) as error:
            raise self._taken_back(error, file_steps, unit_steps) from error

    def _taken_back(
        self, error: KubeopsError | OSError, file_steps: Sequence[Step], unit_steps: Sequence[Step]
    ) -> KubeopsError:
        act.put_back(file_steps, self.observed)
        again = [step for step in unit_steps if step.action in (RELOAD, RESTART, DAEMON_RELOAD)]
        outcome = "the earlier files were put back"
        try:
            act.apply_units(self.runner, again)
        except KubeopsError as second:
            outcome += f", but on them too {second.what}"
        what, seen = (error.what, error.seen) if isinstance(error, KubeopsError) else ("writing failed", str(error))
        return KubeopsError(what=f"{what}; {outcome}", seen=seen, fix="correct the variables and run again")

    def verify(self) -> None:
        """Observe again: nothing may be left to do."""
        left, _due = self._steps({request.path: read_file(request.path) for request in self.files})
        if left:
            names = ", ".join(f"{step.action} {step.target} ({step.reason})" for step in left)
            raise KubeopsError(what="not everything is as planned after the change", seen=f"left: {names}")

    def result(self, plan: Plan, warnings: Sequence[str] = ()) -> dict[str, Any]:
        """Keys for exit_json."""
        result = plan.as_result()
        result["diff"] = diffs(self.files, self.observed) + _unit_diffs(plan.steps)
        result["warnings"] = [*result["warnings"], *warnings]
        result["changed_files"] = [step.target for step in plan.steps if step.action not in UNIT_ACTIONS]
        result["restarts_due"] = self.restarts_due
        result["backups"] = self.backups
        return result


def _unit_diffs(steps: Sequence[Step]) -> list[dict[str, str]]:
    return [
        {"prepared": f"{step.action} {step.target}: {step.reason}\n"} for step in steps if step.action in UNIT_ACTIONS
    ]


def _require_plain_paths(files: Sequence[FileRequest]) -> None:
    paths = [request.path for request in files]
    for path in paths:
        if not PurePosixPath(path).is_absolute() or paths.count(path) > 1:
            raise KubeopsError(
                what="every path in files must be absolute and stand there once", seen=path, fix="correct files"
            )
