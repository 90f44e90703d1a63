# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads the load balancer of this node."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterable
from pathlib import Path

from .._core import files
from .._core.runner import Runner
from .._systemd.probe import read_units
from . import admin_socket, haproxy
from .model import File, Observed, SeenFile, SeenService, Service


def observe(runner: Runner, services: Iterable[Service]) -> Observed:
    """Files, units, and the fingerprint of the running haproxy."""
    wanted = tuple(services)
    units = read_units(runner, [service.name for service in wanted])
    seen = {
        service.name: SeenService(
            active=units[service.name].active,
            enabled=bool(units[service.name].enabled),
            changed_at=units[service.name].changed_at,
            fingerprint=_running_fingerprint() if service.fingerprint else None,
        )
        for service in wanted
    }
    return Observed({file.path: _file(file) for service in wanted for file in service.files}, seen)


def addresses(runner: Runner) -> dict[str, str]:
    """Interface by address, of every address this node has."""
    shown = json.loads(runner.run(["ip", "-json", "address", "show"]).stdout or "[]")
    return {entry["local"]: link["ifname"] for link in shown for entry in link.get("addr_info", []) if "local" in entry}


def _file(file: File) -> SeenFile:
    content = files.read_text(file.path)
    if content is None:
        return SeenFile()
    status = Path(file.path).stat()
    return SeenFile(content, stat.S_IMODE(status.st_mode), status.st_mtime)


def _running_fingerprint() -> str | None:
    try:
        return haproxy.fingerprint(admin_socket.ask("show info"))
    except OSError:
        return None
