# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Refusals that need a look around before kubeadm may run."""

from __future__ import annotations

import json
import ssl
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from .._core import files, http
from .._core.errors import KubeopsError, Refusal
from .._core.plan import Plan, Refused
from .._etcd.model import Member
from . import credentials, paths, plan

HTTPS_PORT = 443
TIMEOUT_SECONDS = 2.0


def refuse(refusals: Sequence[Refused]) -> None:
    """Raise the first refusal, if there is one."""
    if refusals:
        raise refusals[0].as_error()


def require_no_other_cluster(observed: Mapping[str, Any], planned: Plan, endpoint: str) -> None:
    """Raise Refusal when init would make a second cluster, or reset would break one."""
    if endpoint:
        _require_silent(endpoint)
    if planned.steps[0].action == plan.RESET:
        require_alone(observed["markers"], _etcd_members())


def _require_silent(endpoint: str) -> None:
    """No API server but this node's own, from an init that stopped late, may answer."""
    try:
        answer = http.request(f"https://{endpoint}/version", insecure=True, timeout=TIMEOUT_SECONDS)
    except KubeopsError:
        return
    if _is_api_server(answer) and not _is_own(endpoint):
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


def _is_own(endpoint: str) -> bool:
    """Tell whether the endpoint leads to this node: every API server has a certificate of its own."""
    own = files.read_text(paths.API_SERVER_CERT)
    address = urlsplit(f"https://{endpoint}")
    try:
        served = http.peer_certificate(address.hostname or "", address.port or HTTPS_PORT, TIMEOUT_SECONDS)
        return own is not None and served == ssl.PEM_cert_to_DER_cert(own)
    except (OSError, ValueError):
        return False


def _etcd_members() -> Sequence[Member] | None:
    """Members that this node's etcd names; None where it does not answer."""
    etcd = credentials.local_etcd()
    if etcd is None:
        return None
    try:
        return etcd.members()
    except KubeopsError:
        return None


def require_alone(markers: Mapping[str, Any], members: Sequence[Member] | None) -> None:
    """Raise Refusal unless this node's etcd is known to have no other members (pure).

    members is None where etcd is silent, as it has to be after a reset that stopped: that one had asked before.
    """
    if not markers["etcd_data"]:
        return
    if members is None and markers["unfinished"] != plan.RESET:
        raise Refusal(
            "this node's etcd does not say whether it has other members: resetting it as a first control plane "
            "could harm their cluster",
            seen="etcd has data here and does not answer",
            fix="let it start (container runtime and kubelet running, crictl logs), or go on with "
            "kubeops_on_partial=resume; where it is known to be the only member, run kubeadm reset on this node",
            rule="etcd_silent",
        )
    if members is not None and len(members) > 1:
        raise Refusal(
            "this node's etcd has other members: resetting it as a first control plane would harm their cluster",
            seen="etcd members: " + ", ".join(member.name or member.id for member in members),
            fix="repair the node instead with kubeops_on_partial=resume",
            rule="etcd_has_other_members",
        )
