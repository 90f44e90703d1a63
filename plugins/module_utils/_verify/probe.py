# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads a cluster from one of its control planes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from .._core import http
from .._core.errors import KubeopsError
from .._etcd.gateway import Gateway
from .._etcd.model import Member
from .._kubeadm import paths
from .._kubeadm.api import ApiClient, object_path
from .judge import bracket
from .model import Api, Condition, Expected, Observed, nodes_from_api, static_pods_from_api

THREADS = 16
TIMEOUT = 5.0
ETCD_URL = "https://127.0.0.1:2379"
DNS_SERVICE = "kube-dns"  # its name for compatibility, whatever serves it
DNS_DEPLOYMENT = "coredns"


def observe(client: ApiClient, expected: Expected) -> Observed:
    """Node objects, static pods, every API server, etcd and DNS."""
    addresses = [f"{bracket(node.address)}:{expected.api_port}" for node in expected.control_planes]
    addresses += [expected.endpoint] if expected.endpoint else []
    with ThreadPoolExecutor(THREADS) as pool:
        apis = pool.map(lambda address: _api(client, address), addresses)
        members, etcd_error = _members() if expected.stacked_etcd else (None, "")
        return Observed(
            nodes=nodes_from_api(client.get("/api/v1/nodes") or {}),
            pods=static_pods_from_api(client.get(f"{_kube_system('pods')}?labelSelector=tier%3Dcontrol-plane") or {}),
            apis=dict(zip(addresses, apis)),
            members=members,
            etcd_error=etcd_error,
            dns=_dns(client) if expected.dns else Condition(True),
            dns_address=_dns_address(client) if expected.dns else "",
        )


def get(client: ApiClient, url: str) -> http.Response:
    """GET with the client's identity; any status is an answer."""
    return http.request(
        url,
        ca_file=client.ca_file,
        cert_file=client.identity_file,
        key_file=client.identity_file,
        timeout=TIMEOUT,
    )


def _api(client: ApiClient, address: str) -> Api:
    try:
        ready = get(client, f"https://{address}/readyz?verbose=1")
        if ready.status != 200:
            failed = [line for line in ready.text.splitlines() if line.startswith("[-]")]
            return Api(Condition(False, f"HTTP {ready.status}: {'; '.join(failed) or ready.text[:200]}"))
        version: Mapping[str, Any] = json.loads(get(client, f"https://{address}/version").body)
    except (KubeopsError, ValueError) as error:
        return Api(Condition(False, str(error)))
    return Api(Condition(True), str(version.get("gitVersion", "")))


def _members() -> tuple[tuple[Member, ...] | None, str]:
    gateway = Gateway(ETCD_URL, paths.ETCD_CA, paths.ETCD_CLIENT_CERT, paths.ETCD_CLIENT_KEY)
    try:
        return tuple(gateway.members_with_health()), ""
    except KubeopsError as error:
        return None, str(error)


def _dns(client: ApiClient) -> Condition:
    deployment = client.get(object_path("deployments", DNS_DEPLOYMENT, "kube-system", "apps/v1"))
    if deployment is None:
        return Condition(False, "there is no deployment coredns in kube-system")
    available = deployment.get("status", {}).get("availableReplicas", 0)
    wanted = deployment.get("spec", {}).get("replicas", 1)
    return Condition(available > 0, f"{available} of {wanted} replicas are available")


def _dns_address(client: ApiClient) -> str:
    service = client.get(object_path("services", DNS_SERVICE, "kube-system"))
    return str((service or {}).get("spec", {}).get("clusterIP", ""))


def _kube_system(resource: str) -> str:
    return object_path(resource, "", "kube-system")
