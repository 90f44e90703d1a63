# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an upgrade has to know of the cluster, from one of its control planes. Reads only."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from .._core import http
from .._core.errors import KubeopsError
from .._drain import facts as drain_facts
from .._drain.act import BUDGETS
from .._etcd.choice import Status, with_health
from .._kubeadm import credentials, output
from .._kubeadm.api import ApiClient, admin, object_path
from .._kubeadm.cluster_probe import STATIC_PODS, component_summary, node_summary
from .._version.model import component_version
from .settings import yaml_gates
from .webhooks import webhook_summary

TIMEOUT_SECONDS = 10.0
ENDPOINT = "kubeadm.kubernetes.io/kube-apiserver.advertise-address.endpoint"
WEBHOOKS = ("validatingwebhookconfigurations", "mutatingwebhookconfigurations")
ADDONS = (
    ("deployments", "coredns", "apps/v1"),
    ("daemonsets", "kube-proxy", "apps/v1"),
    ("configmaps", "coredns", ""),
    ("configmaps", "kube-proxy", ""),
)
# They write what kubeadm's addons are made of, or only their status.
OWN_MANAGERS = ("kubeadm", "kube-controller-manager", "kubelet")

_DEPRECATED = re.compile(r"^apiserver_requested_deprecated_apis\{(?P<labels>[^}]*)\} (?P<value>\S+)", re.MULTILINE)
_LABEL = re.compile(r'(\w+)="([^"]*)"')


def probe() -> dict[str, Any]:
    """Return the module's result; see its RETURN."""
    with admin() as api, ThreadPoolExecutor() as pool:
        credentials.require_healthy(api)
        nodes = pool.submit(_items, api, object_path("nodes", ""))
        pods = pool.submit(_items, api, object_path("pods", ""))
        static = _items(api, STATIC_PODS)
        servers = list(pool.map(lambda pod: _api_server(api, pod), [pod for pod in static if _is_server(pod)]))
        budgets = _items(api, BUDGETS)
        config = credentials.cluster_configuration(api)
        return {
            "nodes": [node_summary(node) for node in nodes.result()],
            "components": [component_summary(pod) for pod in static],
            "api_servers": {server["node"]: server["version"] for server in servers if server["version"]},
            "deprecated_apis": _merged([api for server in servers for api in server["deprecated"] or ()]),
            "deprecated_apis_unread": [server["node"] for server in servers if server["deprecated"] is None],
            "kube_proxies": _proxies(pods.result()),
            "cloud_controllers": cloud_controllers(pods.result()),
            "proxy_gates": _proxy_gates(api),
            "coredns": _coredns(api),
            "customisations": [entry for addon in ADDONS for entry in _customised(api, *addon)],
            "webhooks": _webhooks(api),
            "etcd": _etcd(),
            "etcd_pinned": output.pinned(config, "etcd"),
            "coredns_pinned": output.pinned(config, "dns"),
            "evicted_pods": dict(Counter(_drained(pod) for pod in pods.result() if _drained(pod))),
            "drain": drain_facts.summary(nodes.result(), pods.result(), budgets),
        }


def _items(api: ApiClient, path: str) -> list[dict[str, Any]]:
    return list((api.get(path) or {}).get("items", []))


def _is_server(pod: Mapping[str, Any]) -> bool:
    return bool(pod["metadata"].get("labels", {}).get("component") == "kube-apiserver")


def _api_server(api: ApiClient, pod: Mapping[str, Any]) -> dict[str, Any]:
    """Version and deprecated APIs, asked of the server itself; empty and None where it does not say."""
    place = pod["metadata"].get("annotations", {}).get(ENDPOINT, "")
    seen: dict[str, Any] = {"node": pod["spec"].get("nodeName", ""), "version": "", "deprecated": None}
    try:
        version = json.loads(_get(api, f"https://{place}/version"))
        seen.update(version=version.get("gitVersion", ""))
        metrics = _get(api, f"https://{place}/metrics")
        seen.update(deprecated=deprecated(metrics) if metrics else None)
    except (KubeopsError, ValueError):
        pass  # gates of their own say so
    return seen


def _get(api: ApiClient, url: str) -> str:
    answer = http.request(
        url, ca_file=api.ca_file, cert_file=api.identity_file, key_file=api.identity_file, timeout=TIMEOUT_SECONDS
    )
    return answer.text if answer.status == 200 else ""


def deprecated(metrics: str) -> list[dict[str, str]]:
    """Deprecated APIs that clients asked this API server for since it started."""
    found = [dict(_LABEL.findall(match["labels"])) for match in _DEPRECATED.finditer(metrics) if match["value"] != "0"]
    return [
        {name: labels.get(name, "") for name in ("group", "version", "resource", "removed_release")} for labels in found
    ]


def _merged(apis: list[dict[str, str]]) -> list[dict[str, str]]:
    return [dict(entry) for entry in sorted({tuple(sorted(api.items())) for api in apis})]


def image_version(image: str) -> str:
    """The version an image's tag says, empty where it is none."""
    tag = image.partition("@")[0].rpartition("/")[2].partition(":")[2]
    try:
        return str(component_version(tag))
    except ValueError:
        return ""


def _proxies(pods: list[dict[str, Any]]) -> dict[str, str]:
    found = [pod for pod in pods if pod["metadata"].get("labels", {}).get("k8s-app") == "kube-proxy"]
    versions = {pod["spec"].get("nodeName", ""): image_version(pod["spec"]["containers"][0]["image"]) for pod in found}
    return {node: version for node, version in versions.items() if version}


def _proxy_gates(api: ApiClient) -> dict[str, bool]:
    found = api.get(object_path("configmaps", "kube-proxy", "kube-system")) or {}
    return yaml_gates((found.get("data") or {}).get("config.conf", ""))


def _coredns(api: ApiClient) -> str:
    deployment = api.get(object_path("deployments", "coredns", "kube-system", "apps/v1"))
    return image_version(deployment["spec"]["template"]["spec"]["containers"][0]["image"]) if deployment else ""


def _customised(api: ApiClient, resource: str, name: str, group: str) -> list[dict[str, Any]]:
    """Who else has written what kubeadm will write again, and which fields."""
    item = api.get(object_path(resource, name, "kube-system", group)) or {}
    fields: dict[str, list[str]] = {}
    for entry in item.get("metadata", {}).get("managedFields", []):
        if entry.get("subresource") != "status" and entry.get("manager", "") not in OWN_MANAGERS:
            fields.setdefault(entry.get("manager", ""), []).extend(written_fields(entry.get("fieldsV1", {})))
    return [{"object": f"{resource}/{name}", "manager": manager, "fields": own} for manager, own in fields.items()]


def written_fields(fields: Mapping[str, Any], parent: str = "") -> list[str]:
    """Paths in a fieldsV1: f: is a field, k: an item of a list by its key, v: by its value, the dot the object."""
    found: list[str] = []
    for key, inner in fields.items():
        kind, _colon, name = key.partition(":")
        if kind == "k":
            name = ",".join(map(str, json.loads(name).values()))
        if kind != ".":
            path = f"{parent}.{name}" if kind == "f" else f"{parent}[{name}]"
            found += written_fields(inner, path) or [path.lstrip(".")]
    return found


def cloud_controllers(pods: Iterable[Mapping[str, Any]]) -> list[dict[str, str]]:
    """Nodes and images of pods that are a cloud-controller-manager by the name of an image."""
    found = {
        (pod["spec"].get("nodeName", ""), container["image"])
        for pod in pods
        for container in pod["spec"]["containers"]
        if "cloud-controller-manager" in container["image"].rpartition("/")[2]
    }
    return [{"node": node, "image": image} for node, image in sorted(found)]


def _webhooks(api: ApiClient) -> list[dict[str, Any]]:
    return [
        webhook_summary(configuration, webhook, _serving(api, webhook))
        for resource in WEBHOOKS
        for configuration in _items(api, f"/apis/admissionregistration.k8s.io/v1/{resource}")
        for webhook in configuration.get("webhooks", [])
    ]


def _serving(api: ApiClient, webhook: Mapping[str, Any]) -> bool | None:
    """Whether its Service has a ready endpoint; None where it is no Service."""
    service = webhook.get("clientConfig", {}).get("service")
    if not service:
        return None
    path = f"/apis/discovery.k8s.io/v1/namespaces/{service['namespace']}/endpointslices"
    slices = _items(api, f"{path}?labelSelector=kubernetes.io%2Fservice-name%3D{service['name']}")
    return any(end.get("conditions", {}).get("ready", True) for part in slices for end in part.get("endpoints") or [])


def _etcd() -> dict[str, Any]:
    """Members of etcd with what each says of itself; external where it does not run on the control planes."""
    own = credentials.local_etcd()
    error = ""
    for gateway in [own] if own else credentials.external_etcd():
        try:
            members = gateway.members()
        except KubeopsError as problem:
            error = str(problem)
            continue
        statuses = gateway.statuses(members)
        by_id = {status.member.id: status for status in statuses}
        told = [{**member.as_dict(), **_status(by_id.get(member.id))} for member in with_health(members, statuses)]
        return {"members": told, "external": own is None, "error": ""}
    return {"members": [], "external": own is None, "error": error}


def _status(status: Status | None) -> dict[str, Any]:
    if status is None:
        return {"version": "", "leader": False, "errors": ["does not answer"]}
    return {
        "version": status.version,
        "leader": status.is_leader,
        "errors": list(status.errors),
    }


def _drained(pod: Mapping[str, Any]) -> str:
    """The node that a drain takes this pod from; empty for mirror pods, DaemonSets and what has ended."""
    owners = [owner["kind"] for owner in pod["metadata"].get("ownerReferences", [])]
    ended = pod.get("status", {}).get("phase") in ("Succeeded", "Failed")
    return "" if ended or {"Node", "DaemonSet"} & set(owners) else str(pod["spec"].get("nodeName", ""))
