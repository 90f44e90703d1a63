# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A small client of the Kubernetes API for modules that run on a control plane.

kubectl costs a process and a tenth of a second a call; a node's modules need a
handful of objects.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from .._core import files, http
from .._core.errors import KubeopsError, Refusal
from . import kubeconfig, paths, static_pod

TIMEOUT_SECONDS = 10.0
STRATEGIC_PATCH = "application/strategic-merge-patch+json"
MERGE_PATCH = "application/merge-patch+json"
NOT_FOUND = 404
API_SERVER_MANIFEST = f"{paths.MANIFESTS}/kube-apiserver.yaml"


@dataclass(frozen=True)
class ApiClient:
    """Requests with one identity to one API server."""

    url: str
    ca_file: str
    identity_file: str

    def get(self, path: str) -> dict[str, Any] | None:
        """Return an object or a list, None where it does not exist."""
        return self._send("GET", path)

    def create(self, path: str, body: Mapping[str, Any]) -> dict[str, Any] | None:
        """Create an object below a collection's path."""
        return self._send("POST", path, body)

    def patch(self, path: str, body: Mapping[str, Any], kind: str = STRATEGIC_PATCH) -> dict[str, Any] | None:
        """Patch an object; None where it does not exist."""
        return self._send("PATCH", path, body, kind)

    def delete(self, path: str) -> bool:
        """Delete an object; False where there was none."""
        return self._send("DELETE", path) is not None

    def evict(self, pod: str, namespace: str, uid: str, options: Mapping[str, Any] | None = None) -> bool:
        """Evict this very pod within its budgets, with further DeleteOptions; False where it is gone.

        https://kubernetes.io/docs/concepts/scheduling-eviction/api-eviction/
        """
        body = {
            "apiVersion": "policy/v1",
            "kind": "Eviction",
            "metadata": {"name": pod, "namespace": namespace},
            "deleteOptions": {"preconditions": {"uid": uid}, **(options or {})},
        }
        return self.create(f"{object_path('pods', pod, namespace)}/eviction", body) is not None

    def ready(self) -> bool:
        """Tell whether this API server says it is ready."""
        try:
            return self._request("GET", "/readyz").status == 200
        except KubeopsError:
            return False

    def _send(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, content_type: str = "application/json"
    ) -> dict[str, Any] | None:
        answer = self._request(method, path, body, content_type)
        if answer.status == NOT_FOUND:
            return None
        if not 200 <= answer.status < 300:
            raise KubeopsError(
                f"the API server refused {method} {path}",
                seen=f"HTTP {answer.status}: {_message(answer.text)}",
                details={"status": answer.status},
            )
        decoded: dict[str, Any] = json.loads(answer.body)
        return decoded

    def _request(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, content_type: str = "application/json"
    ) -> http.Response:
        return http.request(
            self.url + path,
            method=method,
            body=None if body is None else json.dumps(body),
            headers={"Accept": "application/json", "Content-Type": content_type},
            ca_file=self.ca_file,
            cert_file=self.identity_file,
            key_file=self.identity_file,
            timeout=TIMEOUT_SECONDS,
        )


@contextmanager
def admin() -> Iterator[ApiClient]:
    """Yield a client with this control plane's admin.conf and its own API server.

    Raises Refusal where this node is no control plane, or has no admin.conf that could be used.
    """
    if files.read_text(API_SERVER_MANIFEST) is None:
        raise Refusal(
            "this node is no control plane",
            seen=f"{API_SERVER_MANIFEST} is missing",
            fix="run this on a host of the group control_plane that is part of the cluster",
            rule="not_a_control_plane",
        )
    text = files.read_text(paths.ADMIN_CONF)
    pem = _identity(text)
    url = own_url() or kubeconfig.server(text or "")
    Path(paths.RUN).mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=paths.RUN, encoding="ascii") as handle:
        handle.write(pem)
        handle.flush()
        yield ApiClient(url, paths.CA_CERT, handle.name)


def _identity(text: str | None) -> str:
    """Return certificate and key of an admin.conf; it may have been put away, or log in by other means."""
    try:
        pem = kubeconfig.identity(text or "", paths.ADMIN_CONF).pem
    except KubeopsError:
        pem = ""
    if not pem:
        raise Refusal(
            "admin.conf is needed to ask the cluster",
            seen=f"{paths.ADMIN_CONF} {'is missing' if text is None else 'embeds no client certificate'}",
            fix="put it back for the time of the run, or make one with kubeadm init phase kubeconfig admin",
            rule="admin_conf_missing",
        )
    return pem


def own_url() -> str:
    """Return the URL of this node's own API server by its manifest as it stands now; empty where that names none."""
    return static_pod.local_url(static_pod.parse(files.read_text(API_SERVER_MANIFEST) or ""))


def object_path(resource: str, name: str, namespace: str = "", group: str = "") -> str:
    """Return the path of an object: nodes, or a namespaced resource."""
    root = f"/apis/{group}" if group else "/api/v1"
    inside = f"/namespaces/{quote(namespace)}" if namespace else ""
    return f"{root}{inside}/{resource}" + (f"/{quote(name)}" if name else "")


def _message(text: str) -> str:
    try:
        return str(json.loads(text).get("message", text))
    except (ValueError, AttributeError):
        return text[:300]
