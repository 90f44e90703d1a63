# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looks, cordons, evicts and uncordons through the API. Decides nothing."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

from .._core import clock
from .._core.errors import KubeopsError
from .._kubeadm.api import MERGE_PATCH, ApiClient, object_path
from . import model
from .predict import Seen

POLL_SECONDS = 1.0
# The API server's answer where a budget allows no disruption now.
BLOCKED = 429
PODS = "/api/v1/pods"
BUDGETS = "/apis/policy/v1/poddisruptionbudgets"


@dataclass(frozen=True)
class Limits:
    """grace: seconds a pod gets to end, -1 for its own; timeout: seconds until all pods have left."""

    grace: int = -1
    timeout: float = 300.0


def observe(api: ApiClient) -> Seen:
    """Read all nodes, budgets and pods."""
    nodes = (api.get(object_path("nodes", "")) or {}).get("items", [])
    budgets = (api.get(BUDGETS) or {}).get("items", [])
    pods = (api.get(PODS) or {}).get("items", [])
    return Seen(
        nodes=tuple(model.node(item) for item in nodes),
        pods=tuple(model.pod(item) for item in pods),
        budgets=tuple(model.budget(item) for item in budgets),
    )


def node(api: ApiClient, name: str) -> model.Node:
    """Read one node; raises KubeopsError where there is none of that name."""
    found = api.get(object_path("nodes", name))
    if found is None:
        raise KubeopsError(f"the cluster knows no node {name}", fix="check kubeops_node_name")
    return model.node(found)


def leaving(api: ApiClient, name: str) -> list[model.Pod]:
    """Read the pods of one node that a drain has to move."""
    found = api.get(f"{PODS}?fieldSelector={quote(f'spec.nodeName={name}')}") or {}
    return model.leaving([model.pod(item) for item in found.get("items", [])])


def cordon(api: ApiClient, name: str, reason: str) -> None:
    """Make a node unschedulable and note, in the same request, that it was us."""
    _patch(api, name, reason, unschedulable=True)


def uncordon(api: ApiClient, name: str) -> None:
    """Make a node schedulable again and take our note away, in the same request."""
    _patch(api, name, None, unschedulable=False)


def evict_all(api: ApiClient, name: str, limits: Limits) -> list[str]:
    """Evict until nothing that can move is left; returns the pods that left.

    Raises KubeopsError naming what stays, and why, when the time is up.
    """
    deadline = clock.monotonic() + limits.timeout
    gone: dict[str, None] = {}
    while True:
        left = leaving(api, name)
        if not left:
            return list(gone)
        refused = {pod.key: _evict(api, pod, limits.grace) for pod in left if not pod.deleting}
        gone.update(dict.fromkeys(pod.key for pod in left if not refused.get(pod.key)))
        if clock.monotonic() > deadline:
            raise _stuck(name, left, refused, limits)
        time.sleep(POLL_SECONDS)


def _evict(api: ApiClient, pod: model.Pod, grace: int) -> str:
    """Ask for one eviction; returns why not, empty where the pod is on its way."""
    try:
        api.evict(pod.name, pod.namespace, pod.uid, {"gracePeriodSeconds": grace} if grace >= 0 else None)
    except KubeopsError as error:
        if error.details.get("status") != BLOCKED:
            raise
        return error.seen
    return ""


def _stuck(name: str, left: Sequence[model.Pod], refused: dict[str, str], limits: Limits) -> KubeopsError:
    reasons = [f"{pod.key}: {refused.get(pod.key) or 'does not end'}" for pod in left]
    return KubeopsError(
        f"{name} could not be drained within {limits.timeout:g} s",
        seen="; ".join(reasons),
        fix="solve what is named, then run again; nothing was forced",
        details={"blocking": [pod.key for pod in left]},
    )


def _patch(api: ApiClient, name: str, reason: str | None, *, unschedulable: bool) -> None:
    body = {
        "metadata": {"annotations": {model.CORDONED_BY: reason}},
        "spec": {"unschedulable": True if unschedulable else None},
    }
    if api.patch(object_path("nodes", name), body, MERGE_PATCH) is None:
        raise KubeopsError(f"the cluster knows no node {name}", fix="check kubeops_node_name")
