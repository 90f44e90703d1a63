# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Containers of the control plane on this node, as the container runtime knows them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .._core.runner import Runner

TIMEOUT = 30.0
NAMESPACE = "kube-system"
RUNNING = "CONTAINER_RUNNING"
_NANOSECONDS = 1_000_000_000


@dataclass(frozen=True)
class Container:
    """The newest container of a component.

    Attributes:
        id: as crictl takes it.
        began: when it was made, seconds since the epoch.
        running: whether it still runs; between two attempts of a crashing component none does.
    """

    id: str = ""
    began: float = 0.0
    running: bool = False


def newest(runner: Runner) -> dict[str, Container]:
    """Return the newest container of each component, running or not, by the component's name."""
    listed = runner.run(["crictl", "ps", "--all", "--output", "json"], timeout=TIMEOUT)
    return parse(json.loads(listed.stdout))


def parse(listed: Mapping[str, Any]) -> dict[str, Container]:
    """Reduce what ``crictl ps --all --output json`` lists."""
    found: dict[str, Container] = {}
    for entry in listed.get("containers") or []:
        if (entry.get("labels") or {}).get("io.kubernetes.pod.namespace") == NAMESPACE:
            name = entry["metadata"]["name"]
            one = Container(entry["id"], int(entry["createdAt"]) / _NANOSECONDS, entry.get("state") == RUNNING)
            found[name] = max(found.get(name, Container()), one, key=lambda container: container.began)
    return found


def running(runner: Runner, name: str) -> str:
    """Return the id of the running container of a component; empty when none runs."""
    found = newest(runner).get(name, Container())
    return found.id if found.running else ""
