# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates and rights of people, through the API of the cluster.

https://kubernetes.io/docs/reference/access-authn-authz/certificate-signing-requests/
"""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

from .._core import clock
from .._core.errors import KubeopsError, Refusal
from .._core.plan import Step
from .._kubeadm.api import MERGE_PATCH, ApiClient, object_path
from . import model

SIGNER = "kubernetes.io/kube-apiserver-client"
CSR_GROUP = "certificates.k8s.io/v1"
RBAC = "rbac.authorization.k8s.io/v1"
TIMEOUT = 60.0
POLL_SECONDS = 0.5


def sign(client: ApiClient, csr: str, span: timedelta) -> str:
    """Request, approve, and take away the request; returns the certificate, PEM."""
    made = client.create(object_path("certificatesigningrequests", "", group=CSR_GROUP), _request(csr, span)) or {}
    path = object_path("certificatesigningrequests", str(made.get("metadata", {}).get("name", "")), group=CSR_GROUP)
    try:
        _approve(client, path)
        return _signed(client, path)
    finally:
        client.delete(path)


def missing(client: ApiClient, wanted: Sequence[Mapping[str, Any]]) -> list[Step]:
    """Return bindings to make; raises Refusal where a role does not exist, or a binding says another thing."""
    steps = []
    for binding in wanted:
        _require_role(client, binding)
        found = client.get(_path(binding))
        if found is None:
            steps.append(Step("bind", _label(binding), "it does not exist", {"body": binding}))
        elif any(found.get(key) != binding[key] for key in ("roleRef", "subjects")):
            raise Refusal(
                f"{_label(binding)} says another thing than is wanted",
                seen=f"roleRef {found.get('roleRef')}, subjects {found.get('subjects')}",
                fix="delete it",
                rule="binding_differs",
            )
    return steps


def unwanted(client: ApiClient, person: model.Person, wanted: Sequence[Mapping[str, Any]]) -> list[Step]:
    """Return bindings to take away: those that were made here for this user, without the wanted ones."""
    kept = {_path(binding) for binding in wanted}
    mine = [binding for binding in _bindings(client) if model.is_of(person, binding)]
    reason = "it gives rights that are not asked for"
    return [Step("unbind", _label(each), reason, {"body": each}) for each in mine if _path(each) not in kept]


def _bindings(client: ApiClient) -> Iterator[dict[str, Any]]:
    """Every binding of the cluster; in a list the API leaves out each one's kind."""
    for kind in ("ClusterRoleBinding", "RoleBinding"):
        listed = client.get(object_path(f"{kind.lower()}s", "", group=RBAC)) or {}
        yield from ({**item, "kind": kind} for item in listed.get("items", []))


def bind(client: ApiClient, steps: Sequence[Step]) -> None:
    """Make what is missing, take away what shall go."""
    for step in steps:
        body = step.data["body"]
        if step.action == "bind":
            client.create(_path({**body, "metadata": {**body["metadata"], "name": ""}}), body)
        else:
            client.delete(_path(body))


def _request(csr: str, span: timedelta) -> dict[str, Any]:
    return {
        "apiVersion": CSR_GROUP,
        "kind": "CertificateSigningRequest",
        "metadata": {"generateName": "kubeops-user-"},
        "spec": {
            "request": base64.b64encode(csr.encode()).decode("ascii"),
            "signerName": SIGNER,
            "expirationSeconds": int(span.total_seconds()),
            "usages": ["client auth"],
        },
    }


def _approve(client: ApiClient, path: str) -> None:
    condition = {
        "type": "Approved",
        "status": "True",
        "reason": "KubeopsUserKubeconfig",
        "message": "asked for by the operator of the cluster",
    }
    client.patch(f"{path}/approval", {"status": {"conditions": [condition]}}, MERGE_PATCH)


def _signed(client: ApiClient, path: str) -> str:
    deadline = clock.monotonic() + TIMEOUT
    while True:
        status = (client.get(path) or {}).get("status", {})
        if status.get("certificate"):
            return base64.b64decode(status["certificate"]).decode("ascii")
        failed = [entry for entry in status.get("conditions", []) if entry["type"] in ("Failed", "Denied")]
        if failed or clock.monotonic() > deadline:
            raise KubeopsError(
                "the cluster did not sign the user's certificate",
                seen="; ".join(str(entry.get("message")) for entry in failed) or f"nothing came for {TIMEOUT:g} s",
                fix="see that a controller manager leads and has the CA's key (--cluster-signing-key-file)",
            )
        time.sleep(POLL_SECONDS)


def _require_role(client: ApiClient, binding: Mapping[str, Any]) -> None:
    role = binding["roleRef"]
    namespace = binding["metadata"].get("namespace", "") if role["kind"] == "Role" else ""
    resource = "roles" if role["kind"] == "Role" else "clusterroles"
    if client.get(object_path(resource, role["name"], namespace, RBAC)) is None:
        raise Refusal(
            f"{role['kind']} {role['name']} does not exist" + (f" in {namespace}" if namespace else ""),
            fix="make the role first, or name another one",
            rule="role_missing",
        )


def _path(binding: Mapping[str, Any]) -> str:
    metadata = binding["metadata"]
    return object_path(f"{binding['kind'].lower()}s", metadata["name"], metadata.get("namespace", ""), RBAC)


def _label(binding: Mapping[str, Any]) -> str:
    metadata = binding["metadata"]
    inside = f"{metadata['namespace']}/" if metadata.get("namespace") else ""
    return f"{binding['kind']} {inside}{metadata['name']}"
