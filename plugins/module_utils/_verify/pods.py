# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pods that answer on every node, in a namespace of their own, and away again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from .._core import clock
from .._core.errors import KubeopsError
from .._inventory.finding import Finding
from .._kubeadm.api import MERGE_PATCH, ApiClient, object_path
from .judge import finding
from .model import VERIFIED_NETWORK, Condition, Node, pod_condition
from .probe import THREADS, get

NAMESPACE = "kubeops-verify"
NAME = "echo"
PORT = 8080
POLL_SECONDS = 0.5

# Fits the strictest Pod Security profile: clusters may enforce it by default.
_SECURITY = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "runAsNonRoot": True,
    "runAsUser": 65534,
    "seccompProfile": {"type": "RuntimeDefault"},
}


def daemon_set(image: str) -> dict[str, Any]:
    """A pod for each node, control planes and cordoned ones too; GET /hostname answers with the pod's name."""
    labels = {"app.kubernetes.io/name": NAME, "app.kubernetes.io/managed-by": "kubeops"}
    container = {
        "name": NAME,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "args": ["netexec", f"--http-port={PORT}", "--udp-port=-1"],
        "readinessProbe": {"httpGet": {"path": "/hostname", "port": PORT}, "periodSeconds": 1},
        "securityContext": _SECURITY,
    }
    spec = {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 0,
        "nodeSelector": {"kubernetes.io/os": "linux"},
        "tolerations": [{"operator": "Exists"}],
        "containers": [container],
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"name": NAME, "namespace": NAMESPACE, "labels": labels},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": spec},
        },
    }


def create(client: ApiClient, image: str, timeout: float) -> None:
    """The namespace and its DaemonSet, after those of an earlier run are gone."""
    _require_gone(client, timeout)
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
    client.create(object_path("namespaces", ""), namespace)
    client.create(object_path("daemonsets", "", NAMESPACE, "apps/v1"), daemon_set(image))


def remove(client: ApiClient) -> bool:
    """Have the namespace and all in it removed, without waiting for it; False where there is none."""
    return bool(client.delete(object_path("namespaces", NAMESPACE)))


def _require_gone(client: ApiClient, timeout: float) -> None:
    if not remove(client):
        return
    if not clock.until(lambda: client.get(object_path("namespaces", NAMESPACE)) is None, timeout, POLL_SECONDS):
        raise KubeopsError(
            f"namespace {NAMESPACE} is still there {timeout:g} s after its deletion",
            fix=f"see kubectl get namespace {NAMESPACE} -o yaml for what holds it",
        )


def remember(client: ApiClient, nodes: Iterable[Node], network: str) -> None:
    """Note on the Nodes that their pods answered in this pod network."""
    for node in nodes:
        if node.required:
            note = {"metadata": {"annotations": {VERIFIED_NETWORK: network}}}
            client.patch(object_path("nodes", node.name), note, MERGE_PATCH)


def wait(client: ApiClient, nodes: Iterable[Node], timeout: float) -> tuple[list[dict[str, str]], list[Finding]]:
    """Pods that answer (name, node, address), and a finding for each node without one."""
    wanted = {node.name: node for node in nodes}
    found: dict[str, Mapping[str, Any]] = {}

    def all_ready() -> bool:
        answer = client.get(object_path("pods", "", NAMESPACE)) or {}
        found.update({pod["spec"].get("nodeName", ""): pod for pod in answer.get("items", [])})
        return all(_condition(found.get(name)).ready for name, node in wanted.items() if node.required)

    clock.until(all_ready, timeout, POLL_SECONDS)
    ready = [name for name in sorted(wanted) if _condition(found.get(name)).ready]
    pods = [_pod(found[name]) for name in ready]
    return pods, [_missing(wanted[name], _condition(found.get(name))) for name in sorted(set(wanted) - set(ready))]


def through_api(client: ApiClient, pods: Iterable[Mapping[str, str]], nodes: Iterable[Node]) -> list[Finding]:
    """Findings for pods that don't answer through the API server's proxy, which logs and exec go as well."""
    by_name = {node.name: node for node in nodes}
    asked = list(pods)
    with ThreadPoolExecutor(THREADS) as pool:
        answers = pool.map(lambda pod: _proxy_answer(client, pod["name"]), asked)
        return [_unproxied(by_name[pod["node"]], seen) for pod, seen in zip(asked, answers) if seen]


def _proxy_answer(client: ApiClient, pod: str) -> str:
    url = f"{client.url}{object_path('pods', f'{pod}:{PORT}', NAMESPACE).replace('%3A', ':')}/proxy/hostname"
    try:
        answer = get(client, url)
    except KubeopsError as error:
        return str(error)
    return "" if answer.status == 200 and answer.text.strip() == pod else f"HTTP {answer.status}: {answer.text[:200]}"


def _unproxied(node: Node, seen: str) -> Finding:
    fix = "control planes need a route to the pods of every node"
    return finding("pod_proxy", node, f"its pod does not answer through the API server: {seen}", fix)


def _missing(node: Node, seen: Condition) -> Finding:
    fix = f"the pod needs the image of cluster_verify_image; see kubectl -n {NAMESPACE} describe pods"
    return finding("pod_not_ready", node, f"runs no pod of the verification: {seen.reason}", fix)


def _condition(pod: Mapping[str, Any] | None) -> Condition:
    return pod_condition(pod) if pod else Condition(False, "none was scheduled")


def _pod(pod: Mapping[str, Any]) -> dict[str, str]:
    return {"name": pod["metadata"]["name"], "node": pod["spec"]["nodeName"], "address": pod["status"]["podIP"]}
