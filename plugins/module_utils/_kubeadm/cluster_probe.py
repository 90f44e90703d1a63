# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Observes the cluster from one of its control planes. Reads only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from . import credentials
from .api import ApiClient, admin, object_path

ROLE_PREFIX = "node-role.kubernetes.io/"
STATIC_PODS = "/api/v1/namespaces/kube-system/pods?labelSelector=tier%3Dcontrol-plane"
CONTROL_PLANE_NODES = "/api/v1/nodes?labelSelector=node-role.kubernetes.io%2Fcontrol-plane"
# All that a kubelet says where only the pod network is missing; it names several troubles in brackets.
# https://github.com/kubernetes/kubernetes/blob/v1.36.0/pkg/kubelet/nodestatus/setters.go (ReadyCondition)
ONLY_NETWORK = "container runtime network not ready"


def probe() -> dict[str, Any]:
    """Return the content of the fact kubeops_cluster; see the module's RETURN."""
    etcd = credentials.local_etcd()
    with admin() as api, ThreadPoolExecutor() as pool:
        credentials.require_healthy(api)
        nodes = pool.submit(api.get, object_path("nodes", ""))
        pods = pool.submit(api.get, STATIC_PODS)
        version = pool.submit(api.get, "/version")
        coredns = pool.submit(api.get, object_path("deployments", "coredns", "kube-system", "apps/v1"))
        members = pool.submit(etcd.members_with_health) if etcd else None
        config = credentials.cluster_configuration(api)
        return {
            "schema": 1,
            "version": (version.result() or {}).get("gitVersion", ""),
            "endpoint": _endpoint(api),
            "nodes": [node_summary(item) for item in (nodes.result() or {}).get("items", [])],
            "components": [component_summary(item) for item in (pods.result() or {}).get("items", [])],
            "etcd_members": [member.as_dict() for member in members.result()] if members else [],
            "kubeadm_config": config,
            "coredns": deployment_summary(coredns.result()),
        }


def not_ready(api: ApiClient, without: str) -> list[str]:
    """Return what is not ready on the other control planes: the Node, or a pod as component on node."""
    nodes, pods = ((api.get(path) or {}).get("items", []) for path in (CONTROL_PLANE_NODES, STATIC_PODS))
    return [*_nodes_down(nodes, without), *_pods_down(pods, without)]


def other_members(api: ApiClient, without: str) -> list[str]:
    """Return the addresses of the other control planes that run a member of etcd."""
    pods = (api.get(STATIC_PODS) or {}).get("items", [])
    return [
        pod["status"]["hostIP"]
        for pod in pods
        if component_summary(pod)["component"] == "etcd"
        and pod.get("spec", {}).get("nodeName") != without
        and pod.get("status", {}).get("hostIP")
    ]


def _nodes_down(nodes: Iterable[Mapping[str, Any]], without: str) -> list[str]:
    """Control planes run in the host's network: that of the pods may still be missing, as before the CNI."""
    names = {node["metadata"]["name"]: _ready(node) for node in nodes}
    return [
        f"Node {name} ({ready.get('reason', 'has reported nothing')})"
        for name, ready in names.items()
        if name != without
        and ready.get("status") != "True"
        and not (ready.get("status") == "False" and ready.get("message", "").startswith(ONLY_NETWORK))
    ]


def _pods_down(pods: Iterable[Mapping[str, Any]], without: str) -> list[str]:
    found = [component_summary(pod) for pod in pods]
    return [f"{pod['component']} on {pod['node']}" for pod in found if pod["node"] != without and not pod["ready"]]


def _endpoint(api: ApiClient) -> str:
    return credentials.endpoint(api)


def node_summary(node: Mapping[str, Any]) -> dict[str, Any]:
    """Reduce a Node to what roles decide by."""
    metadata, spec, status = node["metadata"], node.get("spec", {}), node.get("status", {})
    labels = metadata.get("labels", {})
    conditions = {entry["type"]: entry["status"] for entry in status.get("conditions", [])}
    info = status.get("nodeInfo", {})
    return {
        "name": metadata["name"],
        "ready": conditions.get("Ready") == "True",
        "version": info.get("kubeletVersion", ""),
        "runtime_version": info.get("containerRuntimeVersion", ""),
        "roles": sorted(name[len(ROLE_PREFIX) :] for name in labels if name.startswith(ROLE_PREFIX)),
        "addresses": [{"type": entry["type"], "address": entry["address"]} for entry in status.get("addresses", [])],
        "labels": labels,
        "taints": spec.get("taints", []),
        "unschedulable": bool(spec.get("unschedulable", False)),
        "conditions": conditions,
        "pod_cidrs": spec.get("podCIDRs", []),
    }


def component_summary(pod: Mapping[str, Any]) -> dict[str, Any]:
    """Reduce a control plane pod to what health is judged by.

    The condition counts: it alone is taken back when the kubelet or the machine is gone; the
    containers' statuses stay as the kubelet wrote them last.
    """
    statuses = pod.get("status", {}).get("containerStatuses", [])
    return {
        "name": pod["metadata"]["name"],
        "node": pod.get("spec", {}).get("nodeName", ""),
        "component": pod["metadata"].get("labels", {}).get("component", ""),
        "image": pod["spec"]["containers"][0].get("image", ""),
        "ready": _ready(pod).get("status") == "True",
        "restarts": sum(entry.get("restartCount", 0) for entry in statuses),
    }


def _ready(item: Mapping[str, Any]) -> Mapping[str, Any]:
    return next((entry for entry in item.get("status", {}).get("conditions", []) if entry["type"] == "Ready"), {})


def deployment_summary(deployment: Mapping[str, Any] | None) -> dict[str, Any]:
    """Reduce the CoreDNS Deployment; None means it is not installed."""
    if deployment is None:
        return {"installed": False, "image": "", "ready": 0, "wanted": 0}
    return {
        "installed": True,
        "image": deployment["spec"]["template"]["spec"]["containers"][0].get("image", ""),
        "ready": deployment.get("status", {}).get("readyReplicas", 0),
        "wanted": deployment["spec"].get("replicas", 1),
    }
