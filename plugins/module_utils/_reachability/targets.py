# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who has to reach whom, and what else has to be reachable (pure).

Ports: https://kubernetes.io/docs/reference/networking/ports-and-protocols/
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from .._inventory.model import Inventory, as_address, as_int

Port = tuple[int, str]

KUBELET = 10250
ETCD = "etcd"
ETCD_PORTS = (2379, 2380)  # for clients, for members
ETCD_RELEASES = "https://github.com/etcd-io/etcd/releases/download"  # as the role etcd has it
LOAD_BALANCERS = "load_balancers"
# Between all nodes, as the plugins' own manifests set them up:
# https://github.com/flannel-io/flannel/blob/master/Documentation/backends.md
# https://docs.tigera.io/calico/latest/getting-started/kubernetes/requirements
# https://docs.cilium.io/en/stable/operations/system_requirements/
POD_NETWORK: dict[str, tuple[Port, ...]] = {
    "flannel": ((8472, "udp"),),
    "calico": ((179, "tcp"),),
    "cilium": ((8472, "udp"), (4240, "tcp")),
}


def targets(inventory: Inventory, host: str) -> dict[str, Any]:
    """Options of the module reachability for one host: peers, names, sources."""
    others = dict.fromkeys((*inventory.nodes, *inventory.group(ETCD), *inventory.group(LOAD_BALANCERS)))
    peers = [_peer(inventory, peer, ports) for peer in others if (ports := _ports(inventory, host, peer))]
    names = [] if host in inventory.group(ETCD) else list(_names(inventory))
    return {"peers": peers, "names": names, "sources": list(_sources(inventory, host))}


def _peer(inventory: Inventory, peer: str, ports: Sequence[Port]) -> dict[str, Any]:
    listed = [{"port": port, "protocol": protocol} for port, protocol in ports]
    return {"host": peer, "address": inventory.node_ips(peer)[0], "ports": listed}


def _ports(inventory: Inventory, host: str, peer: str) -> list[Port]:
    """What the host needs of the peer."""
    if host == peer:
        return []
    ports = [(port, "tcp") for port in (*_api(inventory, host, peer), *_etcd(inventory, host, peer))]
    if host in inventory.control_planes and peer in inventory.nodes:
        ports.append((KUBELET, "tcp"))
    if inventory.value("kubeops_vip") and inventory.balances(host) and inventory.balances(peer):
        ports.append((inventory.monitor_port, "tcp"))
    if host in inventory.nodes and peer in inventory.nodes:
        ports += POD_NETWORK.get(str(inventory.value("kubeops_cni")), ())
    return ports


def _api(inventory: Inventory, host: str, peer: str) -> Iterator[int]:
    """API servers and what balances them, for everyone but the members of an external etcd."""
    if host in inventory.group(ETCD) and host not in inventory.nodes:
        return
    if peer in inventory.control_planes:
        yield as_int(inventory.value("kubeops_api_port"), 6443)
    endpoint = inventory.endpoint()
    balancers = inventory.group(LOAD_BALANCERS) or inventory.control_planes
    if endpoint and inventory.value("kubeops_vip") and host in inventory.nodes and peer in balancers:
        yield endpoint[1]


def _etcd(inventory: Inventory, host: str, peer: str) -> tuple[int, ...]:
    """Members need each other, API servers the members."""
    members = inventory.group(ETCD)
    if not members and not inventory.external_etcd:
        members = inventory.control_planes
    if peer not in members:
        return ()
    if host in members:
        return ETCD_PORTS
    return ETCD_PORTS[:1] if host in inventory.control_planes else ()


def _names(inventory: Inventory) -> Iterator[str]:
    endpoint = inventory.endpoint()
    if endpoint is not None and as_address(endpoint[0]) is None:
        yield endpoint[0]


def _sources(inventory: Inventory, host: str) -> Iterator[str]:
    """Registries, repositories and etcd's releases, or the proxy that stands before them; etcd where it is external."""
    etcd = inventory.value("kubeops_external_etcd") or {}
    if host in inventory.control_planes:
        yield from (str(endpoint) for endpoint in etcd.get("endpoints", ()))
    from_bundle, own = inventory.value("kubeops_package_source") == "bundle", inventory.variables.get(host, {})
    releases = host in inventory.group(ETCD) and own.get("etcd_source", "bundle" if from_bundle else "") != "bundle"
    packages = host in inventory.nodes and not from_bundle
    proxy = inventory.value("kubeops_https_proxy", host) or inventory.value("kubeops_http_proxy", host)
    if proxy and (releases or packages):
        yield _place(str(proxy))
        return
    if releases:
        yield _place(str(own.get("etcd_download_url", ETCD_RELEASES)))
    if not packages:
        return
    yield _place(str(inventory.value("kubeops_repository_url", host)))
    runtime = inventory.variables.get(host, {}).get("container_runtime_repository")
    if isinstance(runtime, Mapping) and runtime.get("url"):
        yield _place(str(runtime["url"]))
    registry = str(inventory.value("kubeops_image_repository", host)).split("/", 1)[0]
    mirrors = (inventory.value("kubeops_registry_mirrors", host) or {}).get(registry)
    # Runtimes try them in their order, and the registry itself last.
    yield _place(str(mirrors[0])) if mirrors else registry


def _place(url: str) -> str:
    """Scheme, host and port: what is tried, without a password that the URL may carry."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
