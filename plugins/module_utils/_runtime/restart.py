# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restarts a service and waits until what depends on it answers again."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from urllib.parse import quote

from .._core import grpc
from .._core.clock import monotonic
from .._core.errors import KubeopsError
from .._core.http import SOCKET_SCHEME, request
from .._core.runner import Runner
from .._files.act import unit_error
from .._systemd.probe import read_units

POLL = 0.2
# https://github.com/kubernetes/cri-api/blob/master/pkg/apis/runtime/v1/api.proto
CRI_VERSION = "/runtime.v1.RuntimeService/Version"
# /readyz is readable for everybody by default; 401 and 403 come from a live server with anonymous access off.
ALIVE = (200, 401, 403)


@dataclass(frozen=True)
class Target:
    """`units` are restarted in order; `sockets` and `url` ("" none) must answer within `timeout` seconds."""

    units: tuple[str, ...]
    sockets: tuple[str, ...]
    url: str
    timeout: float


def restart(runner: Runner, target: Target) -> dict[str, float]:
    """Restart and wait; returns seconds until the sockets and the URL answered."""
    had_answered = bool(target.url) and url_answers(target.url)
    started = monotonic()
    runner.run(["systemctl", "daemon-reload"])
    for unit in target.units:
        _restart_unit(runner, unit, target.timeout)
    for path in target.sockets:
        _wait(partial(cri_answers, path), started + target.timeout, f"the CRI does not answer on {path}")
    seconds = {"sockets": round(monotonic() - started, 2)}
    if had_answered:
        _wait(partial(url_answers, target.url), started + target.timeout, f"{target.url} answered before, not any more")
        seconds["url"] = round(monotonic() - started, 2)
    return seconds


def _restart_unit(runner: Runner, unit: str, timeout: float) -> None:
    result = runner.run(["systemctl", "restart", unit], check=False, timeout=timeout)
    if result.rc != 0 or not read_units(runner, [unit])[unit].active:
        raise unit_error(runner, unit, f"systemctl restart exited with {result.rc}")


def _wait(answers: Callable[[], bool], deadline: float, what: str) -> None:
    while not answers():
        if monotonic() > deadline:
            raise KubeopsError(
                what=f"{what} after the restart",
                fix="look at this node's journal before the next control plane is restarted",
            )
        time.sleep(POLL)


def cri_answers(path: str) -> bool:
    """Whether the CRI answers on the socket; a runtime with its CRI switched off still accepts connections."""
    url = f"{SOCKET_SCHEME}://{quote(path, safe='')}"
    try:
        return bool(next(grpc.stream(url, CRI_VERSION, timeout=2.0)))
    except KubeopsError:
        return False


def url_answers(url: str) -> bool:
    """Whether a live API server answers; its certificate is not verified, nothing secret is sent."""
    try:
        return request(url, timeout=5.0, insecure=True).status in ALIVE
    except KubeopsError:
        return False
