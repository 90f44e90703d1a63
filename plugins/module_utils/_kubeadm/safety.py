# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Refusals that need a look around before kubeadm may run."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from .._core import http
from .._core.errors import KubeopsError, Refusal
from .._core.plan import Plan, Refused
from . import credentials, plan, state


def refuse(refusals: Sequence[Refused]) -> None:
    """Raise the first refusal, if there is one."""
    if refusals:
        raise refusals[0].as_error()


def require_no_other_cluster(observed: Mapping[str, Any], planned: Plan, endpoint: str) -> None:
    """Raise Refusal when init would make a second cluster, or reset would break one."""
    if observed["state"] == state.ABSENT and endpoint:
        _require_silent(endpoint)
    if planned.steps[0].action == plan.RESET:
        _require_alone()


def _require_silent(endpoint: str) -> None:
    try:
        answer = http.request(f"https://{endpoint}/version", insecure=True, timeout=2.0)
    except KubeopsError:
        return
    if _is_api_server(answer):
        raise Refusal(
            "a Kubernetes API already answers at the endpoint, and this node is not part of it",
            seen=f"https://{endpoint}/version answered with HTTP {answer.status}",
            fix="run against the control planes of that cluster, or set kubeops_endpoint to an unused address",
            rule="endpoint_in_use",
        )


def _is_api_server(answer: http.Response) -> bool:
    try:
        body = json.loads(answer.body)
    except ValueError:
        return False
    return isinstance(body, dict) and ("gitVersion" in body or body.get("kind") == "Status")


def _require_alone() -> None:
    etcd = credentials.local_etcd()
    if etcd is None:
        return
    try:
        members = etcd.members()
    except KubeopsError:
        return
    if len(members) > 1:
        raise Refusal(
            "this node's etcd has other members: resetting it as a first control plane would harm their cluster",
            seen="etcd members: " + ", ".join(member.name or member.id for member in members),
            fix="repair the node instead with kubeops_on_partial=resume",
            rule="etcd_has_other_members",
        )
