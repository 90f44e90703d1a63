# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Approves kubelets' requests for serving certificates, one node at a time, and sees each certificate in use."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from .._core import clock, files
from .._core.errors import KubeopsError, Refusal
from .._kubeadm import paths
from .._kubeadm.api import MERGE_PATCH, ApiClient, object_path
from .._x509 import load, served
from .._x509.estate import Endpoint
from .._x509.model import Certificate
from . import serving

GROUP = "certificates.k8s.io/v1"
KUBELET_PORT = 10250
POLL_SECONDS = 0.5
# In check mode, where the kubelet did not yet ask.
TO_COME = "to come"

_Seen = TypeVar("_Seen")


@dataclass(frozen=True)
class Outcome:
    """What became of one node.

    Attributes:
        approved: name of the request approved, empty where none was due.
        request: name of the request looked at.
        reasons: why its newest request was refused; none where it was not.
        failure: what its kubelet did not do, and the advice; empty where it did.
        served: endpoint, serial and not_after of what its kubelet serves.
    """

    node: str
    approved: str = ""
    request: str = ""
    reasons: tuple[str, ...] = ()
    failure: str = ""
    served: Mapping[str, str] | None = None

    def as_dict(self) -> dict[str, Any]:
        """Plain data for results."""
        return {
            "node": self.node,
            "approved": self.approved,
            "request": self.request,
            "reasons": list(self.reasons),
            "failure": self.failure,
            "served": dict(self.served or {}),
        }


def run(api: ApiClient, nodes: Sequence[serving.Wanted], timeout: float, *, act: bool) -> list[Outcome]:
    """Go through the nodes one after the other; act: False only says what would be approved.

    What one kubelet does not do is its outcome (see fault), so that the nodes after it get their certificates. That
    the API does not answer, or that nobody signs, ends the run: it would be the same with the next.
    """
    return [_node(api, node, timeout, act) for node in nodes]


def fault(outcomes: Sequence[Outcome]) -> KubeopsError | None:
    """What is wrong with the nodes: requests that were refused, then kubelets that did not do their part."""
    refused = [f"{each.node} ({each.request}): {'; '.join(each.reasons)}" for each in outcomes if each.reasons]
    failed = [f"{each.node}: {each.failure}" for each in outcomes if each.failure]
    seen = " | ".join([*refused, *failed])
    if refused:
        return Refusal(
            "a kubelet asks for a serving certificate that is not its own by the inventory",
            seen=seen,
            fix="correct kubeops_node_ip or kubelet_serving_extra_names of that host, or deny the request with "
            "kubectl certificate deny and find out who made it",
            rule="serving_request_differs",
        )
    if failed:
        others = len(outcomes) - len(failed)
        return KubeopsError(
            f"{len(failed)} of {len(outcomes)} kubelets do not serve a certificate of the cluster",
            seen=seen,
            fix=f"see to these nodes, then run again; the other {others} are done",
        )
    return None


def is_lost(node: Mapping[str, Any] | None) -> bool:
    """Whether the cluster hears nothing of this node's kubelet, so that waiting for it is in vain.

    https://kubernetes.io/docs/reference/node/node-status/#condition
    """
    conditions = ((node or {}).get("status") or {}).get("conditions") or []
    return any(each.get("type") == "Ready" and each.get("status") == "Unknown" for each in conditions)


def _node(api: ApiClient, wanted: serving.Wanted, timeout: float, act: bool) -> Outcome:
    node = api.get(object_path("nodes", wanted.name))
    endpoint = _endpoint(wanted, node or {})
    patience = 0.0 if is_lost(node) or not act else timeout
    settled, request = _wait_for_request(api, wanted, endpoint, patience)
    if request is None:
        return _without_request(wanted, endpoint, settled, _silent(wanted, node, patience) if act else "")
    name = str(request["metadata"]["name"])
    reasons = serving.why_not(request, wanted, node)
    if reasons:
        return Outcome(wanted.name, request=name, reasons=tuple(reasons))
    failure = ""
    if act:
        _approve(api, name)
        failure = _wait_until_served(endpoint, _issued(api, name, timeout), timeout)
    return Outcome(wanted.name, approved=name, request=name, failure=failure, served=_shown(endpoint))


def _without_request(wanted: serving.Wanted, endpoint: Endpoint, settled: bool, silent: str) -> Outcome:
    """A kubelet that serves what it should, is yet to ask (check mode: silent is empty), or does not ask."""
    to_come = TO_COME if not settled and not silent else ""
    return Outcome(wanted.name, to_come, failure="" if settled else silent, served=_shown(endpoint))


def _wait_for_request(
    api: ApiClient, wanted: serving.Wanted, endpoint: Endpoint, timeout: float
) -> tuple[bool, Mapping[str, Any] | None]:
    """Whether there is nothing to wait for: a request, or a certificate of the cluster in use."""

    def look() -> tuple[bool, Mapping[str, Any] | None]:
        listed = (api.get(object_path("certificatesigningrequests", "", group=GROUP)) or {}).get("items", [])
        found = serving.pending(listed, wanted.user)
        return found is not None or _is_of_cluster(served.served(endpoint).certificate), found

    return _wait(look, timeout)


def _silent(wanted: serving.Wanted, node: Mapping[str, Any] | None, patience: float) -> str:
    text = f"it serves no certificate of the cluster, and made no request as {wanted.user}"
    if is_lost(node):
        return f"{text}; its kubelet reports nothing (Ready is Unknown): bring the node back"
    return (
        f"{text} within {patience:g} s: set kubeops_kubelet_serving_certificates and run create_cluster, so that its "
        "configuration has serverTLSBootstrap; a kubelet whose request was not answered asks again after it restarts"
    )


def _approve(api: ApiClient, name: str) -> None:
    condition = {
        "type": "Approved",
        "status": "True",
        "reason": "MatchesInventory",
        "message": "User, groups, subject, names and addresses are those of the inventory and of the Node.",
    }
    path = f"{object_path('certificatesigningrequests', name, group=GROUP)}/approval"
    api.patch(path, {"status": {"conditions": [condition]}}, MERGE_PATCH)


def _issued(api: ApiClient, name: str, timeout: float) -> Certificate:
    def look() -> tuple[bool, bytes]:
        found = api.get(object_path("certificatesigningrequests", name, group=GROUP)) or {}
        pem = base64.b64decode((found.get("status") or {}).get("certificate") or "")
        return bool(pem), pem

    done, pem = _wait(look, timeout)
    if not done:
        raise KubeopsError(
            f"the request {name} was approved, and no certificate came within {timeout:g} s",
            fix="see the log of kube-controller-manager, which signs",
        )
    return load.certificates(pem)[0]


def _wait_until_served(endpoint: Endpoint, issued: Certificate, timeout: float) -> str:
    """What is wrong where the kubelet does not take up what it was given; empty where it does."""

    def look() -> tuple[bool, str]:
        serial = served.served(endpoint).serial
        return serial == issued.serial, serial

    done, serial = _wait(look, timeout)
    if done:
        return ""
    return (
        f"{endpoint} serves serial {serial or 'none'} after {timeout:g} s, given was {issued.serial}: "
        "see the kubelet's log on that node"
    )


def _wait(look: Callable[[], tuple[bool, _Seen]], timeout: float) -> tuple[bool, _Seen]:
    """Look until it is done or the time is over; returns the last look."""
    deadline = clock.monotonic() + timeout
    while True:
        done, seen = look()
        if done or clock.monotonic() >= deadline:
            return done, seen
        time.sleep(POLL_SECONDS)


def _is_of_cluster(certificate: Certificate | None) -> bool:
    if certificate is None or certificate.not_after <= clock.now():
        return False
    authorities = load.certificates(files.read_bytes(paths.CA_CERT) or b"")
    return any(load.signed_by(certificate, one) for one in authorities)


def _endpoint(wanted: serving.Wanted, node: Mapping[str, Any]) -> Endpoint:
    port = ((node.get("status") or {}).get("daemonEndpoints") or {}).get("kubeletEndpoint", {}).get("Port")
    return Endpoint(wanted.addresses[0], int(port or KUBELET_PORT), "kubelet")


def _shown(endpoint: Endpoint) -> dict[str, str]:
    seen = served.served(endpoint)
    until = f"{seen.certificate.not_after:%Y-%m-%dT%H:%M:%SZ}" if seen.certificate else ""
    return {"endpoint": str(endpoint), "serial": seen.serial, "not_after": until}
