# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads and changes the pod network of one node."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from .._core import files
from .._core.errors import KubeopsError
from .._core.plan import Plan, Step
from .._core.runner import Runner
from .._systemd.probe import read_units
from . import bridge
from .bridge import PLUGINS, PROTOCOL, SERVICE, UNIT, Route
from .plan import Observed

FAMILIES = ("-4", "-6")


def observe(runner: Runner, paths: Iterable[str]) -> Observed:
    """Files, routes of ours, and the unit."""
    unit = read_units(runner, [SERVICE])[SERVICE]
    shown = [entry for family in FAMILIES for entry in _routes(runner, family)]
    return Observed({path: files.read_text(path) for path in paths}, bridge.from_kernel(shown), bool(unit.enabled))


def missing_plugins(directories: Iterable[str]) -> list[str]:
    """Reference plugins that are in none of the directories."""
    places = [Path(directory) for directory in directories]
    return [name for name in PLUGINS if not any((place / name).exists() for place in places)]


def carry_out(runner: Runner, plan: Plan, contents: Mapping[str, str]) -> None:
    """The plan's steps in their order."""
    for step in plan.steps:
        if step.action == "write":
            Path(step.target).parent.mkdir(mode=0o755, parents=True, exist_ok=True)
            files.write_atomic(step.target, contents[step.target])
            # Where the unit is enabled next, systemctl reloads by itself.
            if step.target == UNIT and not any(other.action == "enable" for other in plan.steps):
                runner.run(["systemctl", "daemon-reload"])
        elif step.action == "enable":
            runner.run(["systemctl", "enable", "--now", step.target])
        else:
            _change_route(runner, step)


def _change_route(runner: Runner, step: Step) -> None:
    route: Route = step.data["route"]
    verb = "replace" if step.action == "replace_route" else "delete"
    via = ["via", route.gateway] if verb == "replace" else []
    try:
        runner.run(["ip", "route", verb, route.destination, *via, "proto", str(PROTOCOL)])
    except KubeopsError as error:
        raise KubeopsError(
            f"the route to the pods in {route.destination} cannot be set to {route.gateway}",
            seen=error.seen,
            fix="the bridge network needs all nodes in one flat network; use another kubeops_cni across routers",
        ) from error


def _routes(runner: Runner, family: str) -> list[dict[str, str]]:
    shown = runner.run(["ip", "-json", family, "route", "show", "proto", str(PROTOCOL)]).stdout
    found: list[dict[str, str]] = json.loads(shown) if shown.strip() else []
    return found
