# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who has to reach whom, and what else has to be reachable (pure).

Ports: https://kubernetes.io/docs/reference/networking/ports-and-protocols/
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from .._inventory.model import Inventory, as_address, as_int

KUBELET = 10250
ETCD = "etcd"
ETCD_PORTS = (2379, 2380)  # for clients, for members


def targets(inventory: Inventory, host: str) -> dict[str, Any]:
    """Options of the module reachability for one host: peers, names, sources."""
    others = dict.fromkeys((*inventory.nodes, *inventory.group(ETCD)))
    peers = [_peer(inventory, peer, ports) for peer in others if (ports := _ports(inventory, host, peer))]
    names = [] if host in inventory.group(ETCD) else list(_names(inventory))
    return {"peers": peers, "names": names, "sources": list(_sources(inventory, host))}


def _peer(inventory: Inventory, peer: str, ports: tuple[int, ...]) -> dict[str, Any]:
    listed = [{"port": port, "protocol": "tcp"} for port in ports]
    return {"host": peer, "address": inventory.node_ips(peer)[0], "ports": listed}


def _ports(inventory: Inventory, host: str, peer: str) -> tuple[int, ...]:
    """What the host needs of the peer: everyone the API, control planes kubelets and etcd, members each other."""
    members = inventory.group(ETCD)
    if host == peer:
        return ()
    if host in members:
        return ETCD_PORTS if peer in members else ()
    from_control_plane = host in inventory.control_planes
    if peer in members:
        return ETCD_PORTS[:1] if from_control_plane else ()
    ports: tuple[int, ...] = ()
    if peer in inventory.control_planes:
        ports += (as_int(inventory.value("kubeops_api_port"), 6443),)
        if from_control_plane and not inventory.external_etcd:
            ports += ETCD_PORTS
    return (*ports, KUBELET) if from_control_plane else ports


def _names(inventory: Inventory) -> Iterator[str]:
    endpoint = inventory.endpoint()
    if endpoint is not None and as_address(endpoint[0]) is None:
        yield endpoint[0]


def _sources(inventory: Inventory, host: str) -> Iterator[str]:
    """Registries and repositories, or the proxy that stands before them; etcd where it is external."""
    etcd = inventory.value("kubeops_external_etcd") or {}
    if host in inventory.control_planes:
        yield from (str(endpoint) for endpoint in etcd.get("endpoints", ()))
    if host not in inventory.nodes or inventory.value("kubeops_package_source") == "bundle":
        return
    proxy = inventory.value("kubeops_https_proxy", host) or inventory.value("kubeops_http_proxy", host)
    if proxy:
        yield _place(str(proxy))
        return
    yield _place(str(inventory.value("kubeops_repository_url", host)))
    yield str(inventory.value("kubeops_image_repository", host)).split("/", 1)[0]


def _place(url: str) -> str:
    """Scheme, host and port: what is tried, without a password that the URL may carry."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
