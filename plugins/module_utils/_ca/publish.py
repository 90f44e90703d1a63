# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the cluster itself publishes its CAs, and what runs in it and has read them.

https://kubernetes.io/docs/tasks/tls/manual-rotation-of-ca-certificates/
"""

from __future__ import annotations

import base64
import re
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .._core import clock, files
from .._core.errors import KubeopsError
from .._core.plan import Step
from .._kubeadm import kubeconfig, paths
from .._kubeadm.api import MERGE_PATCH, ApiClient, object_path
from .._x509 import load
from .._x509.model import Certificate, Unreadable

ROOT_CA = "kube-root-ca.crt"
ANNOTATION = "kubeops.io/trusts-ca"
KINDS = ("deployments", "daemonsets", "statefulsets")
CLUSTER_INFO = object_path("configmaps", "cluster-info", "kube-public")
AUTHENTICATION = object_path("configmaps", "extension-apiserver-authentication", "kube-system")
# What API servers publish for aggregated API servers: key of the ConfigMap, file here.
CLIENT_CAS = {
    "client-ca-file": paths.CA_CERT,
    "requestheader-client-ca-file": f"{paths.PKI}/front-proxy-ca.crt",
}
# The controller manager that leads may just have restarted: its lease is held for 15 s.
PUBLISH_TIMEOUT = 180.0
POLL_SECONDS = 1.0
_DATA = re.compile(r"^(\s+certificate-authority-data:\s*).*$", re.MULTILINE)


@dataclass(frozen=True)
class Rule:
    """What a place that publishes CAs has to hold.

    exact: the CAs of the files and no other, as in the end. Otherwise the incoming one among others: nodes that have
    dropped the old CA, and nodes that have not, agree in that alone.
    """

    exact: bool

    def wanted(self, path: str) -> frozenset[str]:
        """Fingerprints that have to be published for the CA of this file."""
        waiting = "" if self.exact else files.read_text(f"{path[: -len('.crt')]}-next.crt")
        return prints(waiting or files.read_text(path) or "")

    def broken(self, published: frozenset[str], wanted: frozenset[str]) -> bool:
        """Tell whether what is published will not do."""
        return published != wanted if self.exact else not wanted <= published


def plan(client: ApiClient, restart: str, rule: Rule) -> list[Step]:
    """Return what is published otherwise than it has to be, and workloads that have not read it."""
    steps = []
    if _stale_cluster_info(client, rule):
        steps.append(Step("publish", "ConfigMap kube-public/cluster-info", "nodes that join trust what it says"))
    behind = _namespaces_behind(client, rule)
    if behind:
        reason = f"pods trust what it says; behind in {len(behind)} namespaces"
        steps.append(Step("wait", f"ConfigMaps {ROOT_CA}", reason))
    if _stale_client_cas(client, rule):
        reason = "aggregated API servers trust what it says"
        steps.append(Step("publish", "ConfigMap kube-system/extension-apiserver-authentication", reason))
    mark = _mark()
    due = workloads(client, restart, mark)
    return [*steps, *(Step("restart", path, "its pods read the CAs when they started", {"mark": mark}) for path in due)]


def publish(client: ApiClient, rule: Rule) -> None:
    """Bring the ConfigMaps to what the files say, and wait for those that the cluster itself writes."""
    text = _stale_cluster_info(client, rule)
    if text:
        encoded = base64.b64encode((files.read_text(paths.CA_CERT) or "").encode()).decode("ascii")
        client.patch(CLUSTER_INFO, {"data": {"kubeconfig": _DATA.sub(rf"\g<1>{encoded}", text)}}, MERGE_PATCH)
    _wait(lambda: _namespaces_behind(client, rule), f"{ROOT_CA} is behind in")
    # Every API server adds its own CAs; none takes away what another one does not have any more.
    _wait(lambda: _merged(client, rule), "extension-apiserver-authentication is behind in")


def restart_workloads(client: ApiClient, steps: Sequence[Step], timeout: float) -> None:
    """Let pods be replaced as their controllers do for any other change, and wait until they are."""
    for step in steps:
        annotations = {"annotations": {ANNOTATION: step.data["mark"]}}
        client.patch(step.target, {"spec": {"template": {"metadata": annotations}}})
    _wait(
        lambda: [step.target for step in steps if not rolled_out(client.get(step.target))],
        "pods are not replaced of",
        timeout,
    )


def workloads(client: ApiClient, scope: str, mark: str) -> list[str]:
    """Paths of controllers whose pods hold the CAs and do not bear the mark, or are still being replaced."""
    if scope == "none" or not mark:
        return []
    found = []
    for kind in KINDS:
        for item in (client.get(object_path(kind, "", group="apps/v1")) or {}).get("items", []):
            metadata, template = item["metadata"], item["spec"]["template"]
            inside = scope == "all" or metadata["namespace"] == "kube-system"
            marked = (template["metadata"].get("annotations") or {}).get(ANNOTATION) == mark
            if inside and holds_token(template["spec"]) and not (marked and rolled_out(item)):
                found.append(object_path(kind, metadata["name"], metadata["namespace"], "apps/v1"))
    return found


def unmanaged(client: ApiClient) -> list[str]:
    """Pods that nobody replaces: they hold the CAs that they started with."""
    items = (client.get("/api/v1/pods?fieldSelector=status.phase%3DRunning") or {}).get("items", [])
    return [
        f"{item['metadata']['namespace']}/{item['metadata']['name']}"
        for item in items
        if not _followed(item["metadata"]) and holds_token(item["spec"])
    ]


def holds_token(spec: Mapping[str, Any]) -> bool:
    """Tell whether pods of this spec get a token, and the CAs with it."""
    return spec.get("automountServiceAccountToken") is not False


def rolled_out(item: Mapping[str, Any] | None) -> bool:
    """Tell whether every pod of a Deployment, DaemonSet or StatefulSet is of its present template, and ready."""
    if item is None:
        return True
    status = item.get("status", {})
    if status.get("observedGeneration", 0) < item["metadata"].get("generation", 0):
        return False
    if item["spec"].get("updateStrategy", {}).get("type") == "OnDelete":
        return True
    wanted = status.get("desiredNumberScheduled", item["spec"].get("replicas", 0))
    updated = status.get("updatedNumberScheduled", status.get("updatedReplicas", 0))
    ready = status.get("numberReady", status.get("readyReplicas", 0))
    return bool(updated >= wanted and ready >= wanted and status.get("replicas", wanted) <= wanted)


def prints(pem: str) -> frozenset[str]:
    """Fingerprints of the certificates in a text, none where it holds none."""
    return frozenset(one.fingerprint for one in _certificates(pem))


def _certificates(pem: str) -> tuple[Certificate, ...]:
    try:
        return load.certificates(pem.encode("utf-8"))
    except Unreadable:
        return ()


def _mark() -> str:
    """The incoming CA, which pods have read once they bear it; none where no rotation is under way."""
    text = files.read_text(f"{paths.PKI}/ca-next.crt")
    return _certificates(text)[0].fingerprint[:16] if text else ""


def _stale_cluster_info(client: ApiClient, rule: Rule) -> str:
    """Its text where that will not do, empty where it will, or where there is none."""
    found = client.get(CLUSTER_INFO)
    text = str((found or {}).get("data", {}).get("kubeconfig", ""))
    stale = text and rule.broken(prints(kubeconfig.certificate_authority(text)), rule.wanted(paths.CA_CERT))
    return text if stale else ""


def _namespaces_behind(client: ApiClient, rule: Rule) -> list[str]:
    wanted = rule.wanted(paths.CA_CERT)
    listed = client.get(f"/api/v1/configmaps?fieldSelector=metadata.name%3D{ROOT_CA}") or {}
    return [
        item["metadata"]["namespace"]
        for item in listed.get("items", [])
        if rule.broken(prints(item.get("data", {}).get("ca.crt", "")), wanted)
    ]


def _stale_client_cas(client: ApiClient, rule: Rule) -> dict[str, str]:
    """What has to be written, by key: the CAs of the files."""
    data = (client.get(AUTHENTICATION) or {}).get("data", {})
    return {
        key: files.read_text(path) or ""
        for key, path in CLIENT_CAS.items()
        if key in data and rule.broken(prints(data[key]), rule.wanted(path))
    }


def _merged(client: ApiClient, rule: Rule) -> list[str]:
    stale = _stale_client_cas(client, rule)
    if stale:
        pems = {
            key: "".join(ssl.DER_cert_to_PEM_cert(one.der) for one in _certificates(text))
            for key, text in stale.items()
        }
        client.patch(AUTHENTICATION, {"data": pems}, MERGE_PATCH)
    return list(stale)


def _followed(metadata: Mapping[str, Any]) -> bool:
    """By a controller, or by a kubelet: a static pod has no token."""
    return bool(metadata.get("ownerReferences")) or "kubernetes.io/config.mirror" in (metadata.get("annotations") or {})


def _wait(left: Callable[[], Sequence[str]], what: str, timeout: float = PUBLISH_TIMEOUT) -> None:
    deadline = clock.monotonic() + timeout
    while behind := left():
        if clock.monotonic() > deadline:
            raise KubeopsError(
                f"{what} {', '.join(behind[:10])}",
                seen=f"for {timeout:g} s",
                fix="see the controller managers' logs and the pods named; then run rotate_ca again: it goes on here",
            )
        time.sleep(POLL_SECONDS)
