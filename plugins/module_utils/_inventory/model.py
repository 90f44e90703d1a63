# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The inventory as preflight sees it: hosts, groups, variables with their defaults (pure)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any, TypeVar, Union

from .schema import BY_NAME, CONTROL_PLANE, GROUPS, WORKERS

Address = Union[IPv4Address, IPv6Address]
Network = Union[IPv4Network, IPv6Network]

# load_balancer_monitor_port
MONITOR_PORT = 8405
NODE_GROUPS = (CONTROL_PLANE, WORKERS, "windows_workers")


@dataclass(frozen=True)
class Inventory:
    """Groups with their hosts, and each host's variables (`kubeops_*` and ansible_host) as templated."""

    groups: Mapping[str, Sequence[str]]
    variables: Mapping[str, Mapping[str, Any]]

    def group(self, name: str) -> tuple[str, ...]:
        """Hosts of a group; none where the group does not exist."""
        return tuple(self.groups.get(name, ()))

    @property
    def control_planes(self) -> tuple[str, ...]:
        """Hosts of the group control_plane."""
        return self.group(CONTROL_PLANE)

    @property
    def nodes(self) -> tuple[str, ...]:
        """Hosts that are, or become, nodes of the cluster, control planes first."""
        return tuple(dict.fromkeys(host for name in NODE_GROUPS for host in self.group(name)))

    @property
    def hosts(self) -> tuple[str, ...]:
        """Every host of the groups the collection knows."""
        return tuple(dict.fromkeys(host for name in GROUPS for host in self.group(name)))

    @property
    def load_balancers(self) -> tuple[str, ...]:
        """Where haproxy runs: the group load_balancers, else the control planes."""
        return self.group("load_balancers") or self.control_planes

    @property
    def balanced(self) -> bool:
        """haproxy is set up, by the conditions of the role load_balancer."""
        return self.value("kubeops_load_balancer") == "haproxy" and (
            bool(self.value("kubeops_vip")) or len(self.control_planes) > 1 or bool(self.group("load_balancers"))
        )

    def balances(self, host: str) -> bool:
        """haproxy is set up on the host."""
        return self.balanced and host in self.load_balancers

    @property
    def monitor_port(self) -> int:
        """Where every haproxy tells the others' keepalived whether it reaches an API server; a role's variable."""
        given = (self.variables.get(host, {}).get("load_balancer_monitor_port") for host in self.load_balancers)
        return as_int(next((value for value in given if value is not None), None), MONITOR_PORT)

    @property
    def haproxy_on_control_planes(self) -> bool:
        """haproxy shares the API servers' machines, and so their ports."""
        return self.value("kubeops_load_balancer") == "haproxy" and bool(
            set(self.load_balancers) & set(self.control_planes)
        )

    def value(self, name: str, host: str | None = None) -> Any:
        """The variable on that host (for the cluster: on the first host that has it), else its default."""
        for candidate in (host,) if host else self.hosts:
            found = self.variables.get(candidate, {}).get(name)
            if found is not None:
                return found
        return BY_NAME[name].default

    def node_ips(self, host: str) -> tuple[str, ...]:
        """The node's addresses as given: kubeops_node_ip, else ansible_host, else the inventory name."""
        given = self.value("kubeops_node_ip", host) or self.variables.get(host, {}).get("ansible_host") or host
        return tuple(part.strip() for part in str(given).split(",") if part.strip())

    def node_name(self, host: str) -> str:
        """Name of the Node object."""
        return str(self.value("kubeops_node_name", host) or host.lower())

    def endpoint(self) -> tuple[str, int] | None:
        """Host and port of the API for everyone; None where it cannot be told."""
        given = str(self.value("kubeops_endpoint") or "")
        if given:
            return parse_endpoint(given)
        if len(self.control_planes) == 1:
            return self.node_ips(self.control_planes[0])[0], as_int(self.value("kubeops_api_port"), 6443)
        return None

    @property
    def external_etcd(self) -> bool:
        """etcd is not on the control planes: hosts of the group etcd, or a cluster that others run."""
        return bool(self.group("etcd")) or bool(self.value("kubeops_external_etcd"))


def _no_file(path: str) -> bool:
    return False


@dataclass(frozen=True)
class Surroundings:
    """What rules need to know of the controller.

    bundle: the bundle's manifest, or a sentence saying why there is none; None where no bundle is used.
    exists: whether a path exists on the controller. end_of_life: level of that finding.
    """

    today: date
    bundle: Mapping[str, Any] | str | None = None
    exists: Callable[[str], bool] = field(default=_no_file)
    end_of_life: str = "warning"


def parse_endpoint(text: str) -> tuple[str, int] | None:
    """host:port, with brackets around an IPv6 host; None where it is something else."""
    host, separator, port = text.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    if not separator or not host or not port.isdigit() or not 0 < int(port) < 65536:
        return None
    if "/" in host or (":" in host and not bracketed):
        return None
    return (host[1:-1] if bracketed else host), int(port)


def as_address(text: str) -> Address | None:
    """The address, or None where the text is none."""
    try:
        return ip_address(text)
    except ValueError:
        return None


def as_networks(text: Any) -> list[Network]:
    """A list of CIDRs with commas between them; raises ValueError for host bits or nonsense."""
    return [ip_network(part.strip()) for part in str(text).split(",") if part.strip()]


def networks_or_none(text: Any) -> list[Network]:
    """Like as_networks; nothing where it is malformed, for rules that leave that to another one."""
    try:
        return as_networks(text)
    except ValueError:
        return []


def as_int(value: Any, default: int) -> int:
    """An int, or the default where it is none; the type rule reports it."""
    try:
        return int(value)
    except (TypeError, ValueError):
        return default


def overlap(one: Network, other: Network) -> bool:
    """They share an address."""
    if isinstance(one, IPv4Network) and isinstance(other, IPv4Network):
        return one.overlaps(other)
    return isinstance(one, IPv6Network) and isinstance(other, IPv6Network) and one.overlaps(other)


T = TypeVar("T")


def pairs(items: Iterable[T]) -> list[tuple[T, T]]:
    """Every two of them, once."""
    listed = list(items)
    return [(one, other) for index, one in enumerate(listed) for other in listed[index + 1 :]]
