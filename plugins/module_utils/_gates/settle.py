# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looks again for a while where what was seen may pass: right after a run that was killed, say."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from .._core import clock

POLL_SECONDS = 2.0


def settled(
    observe: Callable[[], dict[str, Any]], good: Callable[[Mapping[str, Any]], bool], timeout: float
) -> dict[str, Any]:
    """Return what is seen as soon as it is good, else what is seen when the time (seconds) is up."""
    deadline = clock.monotonic() + timeout
    while True:
        seen = observe()
        if good(seen) or clock.monotonic() >= deadline:
            return seen
        time.sleep(POLL_SECONDS)


def node_is_well(facts: Mapping[str, Any]) -> bool:
    """Kubelet and API server of the node, where it has them, say that they are healthy, and manifests were compared."""
    healthy = facts["kubelet_healthy"] is not False and facts["api_ready"] is not False
    return healthy and not facts["drift_passes"]


def cluster_is_well(cluster: Mapping[str, Any]) -> bool:
    """Every node is Ready, every control plane pod ready, every etcd member healthy."""
    return (
        all(node["ready"] for node in cluster["nodes"])
        and all(pod["ready"] for pod in cluster["components"])
        and all(member["healthy"] for member in cluster["etcd"]["members"])
        and not cluster["etcd"]["error"]
    )
