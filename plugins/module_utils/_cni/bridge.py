# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a node of a flat network needs: its own bridge, and a route to every other node's pods. Pure.

Plugins: https://www.cni.dev/plugins/current/main/bridge/
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from .._core.errors import KubeopsError

CNI_VERSION = "1.0.0"
NETWORK = "kubeops-bridge"
INTERFACE = "kubeops0"
CONFLIST = f"/etc/cni/net.d/10-{NETWORK}.conflist"
ROUTES = "/etc/kubernetes/kubeops/pod-routes"
SERVICE = "kubeops-pod-routes"
UNIT = f"/etc/systemd/system/{SERVICE}.service"
# Marks our routes in the kernel, so that nobody else's is ever removed. Not in rt_protos.
PROTOCOL = 147
PLUGINS = ("bridge", "host-local", "portmap")

_UNIT = f"""# Managed by kubeops.cluster, role cni: edits are replaced on its next run.
[Unit]
Description=Routes to the pods of the other nodes
Wants=network-online.target
After=network-online.target systemd-networkd.service NetworkManager.service
Before=kubelet.service
# Both drop routes they did not make when they restart.
PartOf=systemd-networkd.service NetworkManager.service

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart={{ip}} -force -batch {ROUTES}

[Install]
WantedBy=multi-user.target
"""


@dataclass(frozen=True)
class Node:
    """A node of the cluster; pod_cidrs is empty until the controller manager has given it some."""

    name: str
    addresses: tuple[str, ...]
    pod_cidrs: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """For a module's result."""
        return {"name": self.name, "addresses": list(self.addresses), "pod_cidrs": list(self.pod_cidrs)}


@dataclass(frozen=True, order=True)
class Route:
    """Pods of one node, by the node's own address of the same family."""

    destination: str
    gateway: str


def from_api(answer: Mapping[str, Any]) -> list[Node]:
    """Nodes from a NodeList, by name."""
    found = [
        Node(
            item["metadata"]["name"],
            tuple(a["address"] for a in item.get("status", {}).get("addresses", []) if a["type"] == "InternalIP"),
            tuple(item.get("spec", {}).get("podCIDRs", [])),
        )
        for item in answer["items"]
    ]
    return sorted(found, key=lambda node: node.name)


def conflist(node: Node, mtu: int = 0) -> str:
    """The node's network configuration list."""
    ranges = [[{"subnet": subnet}] for subnet in node.pod_cidrs]
    bridge: dict[str, Any] = {
        "type": "bridge",
        "bridge": INTERFACE,
        "isDefaultGateway": True,
        "ipMasq": True,
        "hairpinMode": True,
        # A Node that was deleted and came back has another subnet than its bridge: https://www.cni.dev/plugins/current/main/bridge/
        "forceAddress": True,
        # No routes here: isDefaultGateway adds the default ones, and a second one fails as "file exists".
        "ipam": {"type": "host-local", "ranges": ranges},
    }
    if mtu:
        bridge["mtu"] = mtu
    portmap = {"type": "portmap", "capabilities": {"portMappings": True}, "snat": True}
    document = {"cniVersion": CNI_VERSION, "name": NETWORK, "plugins": [bridge, portmap]}
    return json.dumps(document, indent=2) + "\n"


def routes(own: str, nodes: Iterable[Node]) -> tuple[Route, ...]:
    """One route for each pod subnet of each other node."""
    return tuple(
        sorted(
            Route(str(ipaddress.ip_network(subnet)), gateway)
            for node in nodes
            if node.name != own
            for subnet in node.pod_cidrs
            for gateway in _same_family(node.addresses, subnet)[:1]
        )
    )


def routes_file(wanted: Iterable[Route]) -> str:
    """Input for ip -batch."""
    lines = (f"route replace {route.destination} via {route.gateway} proto {PROTOCOL}\n" for route in wanted)
    return "".join(lines)


def unit(ip: str) -> str:
    """The service that sets the routes at boot; ip is the absolute path of the program."""
    return _UNIT.format(ip=ip)


def from_kernel(shown: Iterable[Mapping[str, Any]]) -> tuple[Route, ...]:
    """Our routes in the output of `ip -json route show proto N`."""
    return tuple(sorted(Route(str(ipaddress.ip_network(entry["dst"])), entry.get("gateway", "")) for entry in shown))


def find(name: str, nodes: Iterable[Node]) -> Node:
    """This node, with its pod subnet; KubeopsError says which of both is missing."""
    known = {node.name: node for node in nodes}
    if name not in known:
        raise KubeopsError(
            f"node {name} is not among the nodes of the cluster",
            seen=f"nodes: {', '.join(sorted(known)) or 'none'}",
            fix="correct kubeops_node_name, or let the node join first",
        )
    if not known[name].pod_cidrs:
        raise KubeopsError(
            f"node {name} has no pod subnet",
            seen="spec.podCIDRs of the Node object is empty",
            fix="set kubeops_pod_subnet: the controller manager hands out subnets only when it is given one",
        )
    return known[name]


def _same_family(addresses: Iterable[str], subnet: str) -> list[str]:
    return [address for address in addresses if ipaddress.ip_address(address).version == _version(subnet)]


def _version(subnet: str) -> int:
    return ipaddress.ip_network(subnet).version
