# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Decides what a node needs to reach the pods of the others. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from .._core.plan import Plan, Step
from .bridge import CONFLIST, ROUTES, SERVICE, Route, routes_file

# All that check mode can say before there is a cluster.
WITHOUT_CLUSTER = Plan((Step("write", CONFLIST, "the cluster will give this node its pod subnet when it exists"),))


@dataclass(frozen=True)
class Observed:
    """Files by path (None: missing), our routes in the kernel, and whether the service starts at boot."""

    files: Mapping[str, str | None] = field(default_factory=dict)
    routes: tuple[Route, ...] = ()
    enabled: bool = False


def make(files: Mapping[str, str], wanted: Iterable[Route], observed: Observed) -> Plan:
    """Files first, then the service, then the kernel's routes."""
    routes = tuple(wanted)
    steps = [*_file_steps(files, observed), *_service_steps(observed), *_route_steps(routes, observed.routes)]
    written = {step.target for step in steps if step.action == "write"}
    before = {path: observed.files.get(path) or "" for path in files if path in written}
    return Plan(
        tuple(steps),
        before=_shown(before, observed.routes),
        after=_shown({path: files[path] for path in written}, routes),
    )


def _file_steps(files: Mapping[str, str], observed: Observed) -> list[Step]:
    return [
        Step("write", path, "the file is missing" if observed.files.get(path) is None else "its content differs")
        for path, content in files.items()
        if observed.files.get(path) != content
    ]


def _service_steps(observed: Observed) -> list[Step]:
    if observed.enabled:
        return []
    return [Step("enable", SERVICE, "the routes would be gone after a reboot")]


def _route_steps(wanted: tuple[Route, ...], live: tuple[Route, ...]) -> list[Step]:
    kept = {route.destination for route in wanted}
    replaced = [
        Step("replace_route", route.destination, f"pods there are behind {route.gateway}", {"route": route})
        for route in wanted
        if route not in live
    ]
    removed = [
        Step("remove_route", route.destination, "no node has this pod subnet any more", {"route": route})
        for route in live
        if route.destination not in kept
    ]
    return replaced + removed


def _shown(files: Mapping[str, str], routes: Iterable[Route]) -> str:
    # The file of routes says the same as the routes themselves.
    texts = [f"--- {path}\n{content}" for path, content in sorted(files.items()) if path != ROUTES]
    return "".join([*texts, f"--- routes\n{routes_file(routes)}"])
