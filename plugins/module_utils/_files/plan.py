# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which files and services must change, why, and how that looks as a diff. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .._core.plan import Step
from .._systemd.unit import UnitState
from .model import (
    ABSENT,
    FileRequest,
    FileState,
    ServiceRequest,
)

# State of a unit that another task restarts, at its own pace.
REPORTED = "reported"
WRITE, ATTRIBUTES, REMOVE = "write", "set attributes", "remove"
ENABLE, DISABLE, RESTART, RELOAD, START, DAEMON_RELOAD = (
    "enable",
    "disable",
    "restart",
    "reload",
    "start",
    "daemon-reload",
)


def plan_file(wanted: FileRequest, seen: FileState) -> Step | None:
    """The one step that turns `seen` into `wanted`, None when nothing differs."""
    if not wanted.present:
        return Step(REMOVE, wanted.path, "not wanted any more") if seen.content is not None else None
    if seen.content is None:
        return Step(WRITE, wanted.path, "missing")
    if seen.content != wanted.content.encode():
        return Step(WRITE, wanted.path, "content differs")
    if seen.mode != wanted.mode:
        return Step(ATTRIBUTES, wanted.path, f"mode is {seen.mode:04o}, wanted {wanted.mode:04o}")
    if not seen.owned_by(wanted.owner, wanted.group):
        return Step(ATTRIBUTES, wanted.path, f"owner is {seen.owner}:{seen.group}")
    return None


def plan_files(requests: Sequence[FileRequest], observed: Mapping[str, FileState]) -> tuple[Step, ...]:
    steps = (plan_file(request, observed.get(request.path, ABSENT)) for request in requests)
    return tuple(step for step in steps if step is not None)


def plan_service(
    service: ServiceRequest,
    unit: UnitState,
    changed: Sequence[str],
    mtimes: Mapping[str, float],
) -> tuple[Step, ...]:
    """Steps for one unit.

    A file newer than the unit's last (re)start means that an earlier run was
    killed between writing and restarting: that is made up for here.
    """
    if service.optional and not unit.loaded:
        return ()
    touched, newer = _touched(service, changed, mtimes), _newer(service, unit, mtimes)
    steps: list[Step] = []
    if service.daemon_reload and (unit.need_daemon_reload or any(_is_unit_file(path) for path in touched)):
        steps.append(Step(DAEMON_RELOAD, service.name, "unit files changed"))
    if service.enabled is not None and unit.enabled is not None and unit.enabled != service.enabled:
        steps.append(Step(ENABLE if service.enabled else DISABLE, service.name, f"unit is {unit.unit_file_state}"))
    if service.state == REPORTED:
        return tuple(steps)
    if not unit.active and unit.condition_met and service.start:
        steps.append(Step(START, service.name, f"unit is {unit.active_state or 'unknown'}"))
    elif unit.active and (touched or newer):
        verb = RELOAD if service.state == "reloaded" else RESTART
        reason = "changed: " + ", ".join(touched) if touched else "older than " + ", ".join(newer)
        steps.append(Step(verb, service.name, reason))
    return tuple(steps)


def restart_due(service: ServiceRequest, unit: UnitState, changed: Sequence[str], mtimes: Mapping[str, float]) -> bool:
    """Whether a unit of state `reported` runs with an older program or files than there are, or does not run at all."""
    if service.state != REPORTED:
        return False
    if not unit.active:
        return service.start
    return bool(unit.replaced or _touched(service, changed, mtimes) or _newer(service, unit, mtimes))


def _touched(service: ServiceRequest, changed: Sequence[str], mtimes: Mapping[str, float]) -> list[str]:
    return [path for path in service.when_changed or tuple(mtimes) if path in changed]


def _newer(service: ServiceRequest, unit: UnitState, mtimes: Mapping[str, float]) -> list[str]:
    last_applied = unit.changed_at if service.state == "reloaded" else unit.started_at
    return [path for path in service.when_changed or tuple(mtimes) if mtimes.get(path, 0.0) > last_applied]


def _is_unit_file(path: str) -> bool:
    return "/systemd/system/" in path


def diffs(requests: Sequence[FileRequest], observed: Mapping[str, FileState]) -> list[dict[str, str]]:
    """One entry per file that changes, in the shape of Ansible's diff output; secrets are masked."""
    entries: list[dict[str, str]] = []
    for request in requests:
        seen = observed.get(request.path, ABSENT)
        step = plan_file(request, seen)
        if step is None:
            continue
        if step.action == ATTRIBUTES:
            before, after = _attributes(seen), _wanted_attributes(request, seen)
        else:
            before, after = _text(request, seen.content), _text(request, _new_content(request))
            if request.secret and before and after:
                after = "(secret content, changed)\n"
        entries.append({"before_header": request.path, "after_header": request.path, "before": before, "after": after})
    return entries


def _new_content(request: FileRequest) -> bytes | None:
    return request.content.encode() if request.present else None


def _text(request: FileRequest, content: bytes | None) -> str:
    if content is None:
        return ""
    return "(secret content)\n" if request.secret else content.decode("utf-8", "replace")


def _attributes(seen: FileState) -> str:
    return f"mode={seen.mode:04o} owner={seen.owner} group={seen.group}\n"


def _wanted_attributes(request: FileRequest, seen: FileState) -> str:
    return f"mode={request.mode:04o} owner={request.owner or seen.owner} group={request.group or seen.group}\n"
