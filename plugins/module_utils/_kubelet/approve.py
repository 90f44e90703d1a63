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
from .._core.errors import KubeopsError
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
        served: endpoint, serial and not_after of what its kubelet serves.
    """

    node: str
    approved: str = ""
    request: str = ""
    reasons: tuple[str, ...] = ()
    served: Mapping[str, str] | None = None

    def as_dict(self) -> dict[str, Any]:
        """Plain data for results."""
        return {
            "node": self.node,
            "approved": self.approved,
            "request": self.request,
            "reasons": list(self.reasons),
            "served": dict(self.served or {}),
        }


def run(api: ApiClient, nodes: Sequence[serving.Wanted], timeout: float, *, act: bool) -> list[Outcome]:
    """Go through the nodes one after the other; act: False only says what would be approved."""
    return [_node(api, node, timeout, act) for node in nodes]


def _node(api: ApiClient, wanted: serving.Wanted, timeout: float, act: bool) -> Outcome:
    node = api.get(object_path("nodes", wanted.name))
    endpoint = _endpoint(wanted, node or {})
    settled, request = _wait_for_request(api, wanted, endpoint, timeout if act else 0.0)
    if request is None:
        if act and not settled:
            raise _silent(wanted, timeout)
        return Outcome(wanted.name, "" if settled else TO_COME, served=_shown(endpoint))
    name = str(request["metadata"]["name"])
    reasons = serving.why_not(request, wanted, node)
    if reasons:
        return Outcome(wanted.name, request=name, reasons=tuple(reasons))
    if act:
        _approve(api, name)
        _wait_until_served(endpoint, _issued(api, name, timeout), timeout)
    return Outcome(wanted.name, approved=name, request=name, served=_shown(endpoint))


def _wait_for_request(
    api: ApiClient, wanted: serving.Wanted, endpoint: Endpoint, timeout: float
) -> tuple[bool, Mapping[str, Any] | None]:
    """Whether there is nothing to wait for: a request, or a certificate of the cluster in use."""

    def look() -> tuple[bool, Mapping[str, Any] | None]:
        listed = (api.get(object_path("certificatesigningrequests", "", group=GROUP)) or {}).get("items", [])
        found = serving.pending(listed, wanted.user)
        return found is not None or _is_of_cluster(served.served(endpoint).certificate), found

    return _wait(look, timeout)


def _silent(wanted: serving.Wanted, timeout: float) -> KubeopsError:
    return KubeopsError(
        f"the kubelet of {wanted.name} serves no certificate of the cluster, and asked for none",
        seen=f"no request of {wanted.user} within {timeout:g} s",
        fix="set kubeops_kubelet_serving_certificates and run create_cluster, so that its configuration has "
        "serverTLSBootstrap; a kubelet whose request was not answered asks again after it restarts",
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


def _wait_until_served(endpoint: Endpoint, issued: Certificate, timeout: float) -> None:
    def look() -> tuple[bool, str]:
        serial = served.served(endpoint).serial
        return serial == issued.serial, serial

    done, serial = _wait(look, timeout)
    if not done:
        raise KubeopsError(
            f"{endpoint} does not serve the certificate that its kubelet was given",
            seen=f"serial {serial or 'none'} after {timeout:g} s, given {issued.serial}",
            fix="see the kubelet's log on that node",
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
