# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the rules about nodes are given (pure)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .._inventory.model import Inventory, Surroundings

Facts = Mapping[str, Any]
ETCD = "etcd"


@dataclass(frozen=True)
class Thresholds:
    """Role variables of preflight. Memory and disk are MiB, times are seconds; disk is by path.

    control_plane_memory_mib: kubeadm's own floor, 1700, is what a 2 GiB machine has left.
    tested_os: "id" or "id version_id" as in os-release.
    """

    control_plane_cpus: int = 2
    control_plane_memory_mib: int = 1700
    worker_cpus: int = 1
    worker_memory_mib: int = 700
    time_offset: float = 2.0
    disk_free_mib: Mapping[str, int] = field(default_factory=dict)
    tested_os: Sequence[str] = ()


@dataclass(frozen=True)
class Observed:
    """The whole play: facts by host, what reachability found by host, and who did not answer.

    unreachable: hosts of the play that Ansible could not reach.
    left_out: hosts of the inventory that this run is not about (--limit).
    """

    inventory: Inventory
    around: Surroundings
    facts: Mapping[str, Facts]
    reachability: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    unreachable: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()

    def nodes(self) -> Iterator[tuple[str, Facts]]:
        """Observed hosts that are, or become, Linux nodes."""
        for host in (*self.inventory.control_planes, *self.inventory.group("workers")):
            if host in self.facts:
                yield host, self.facts[host]

    def machines(self) -> Iterator[tuple[str, Facts]]:
        """Nodes, the hosts of an external etcd, and load balancers of their own."""
        nodes = [host for host, _facts in self.nodes()]
        balancers = filter(self.inventory.balances, self.inventory.group("load_balancers"))
        for host in dict.fromkeys((*nodes, *self.inventory.group(ETCD), *balancers)):
            if host in self.facts:
                yield host, self.facts[host]

    def only_balances(self, host: str) -> bool:
        """haproxy is all that the host is for."""
        return host not in (*self.inventory.nodes, *self.inventory.group(ETCD))

    def keeps_etcd(self, host: str) -> bool:
        """A member of etcd is, or will be, on the host."""
        members = self.inventory.group(ETCD) if self.inventory.external_etcd else self.inventory.control_planes
        return host in members

    def works(self, host: str) -> bool:
        """What the host is for is there already."""
        listening = self.facts.get(host, {}).get("listening") or ()
        return self.state(host) == "complete" or (
            host in self.inventory.group(ETCD) and any(entry["process"] == ETCD for entry in listening)
        )

    def kubernetes(self, host: str) -> Mapping[str, Any]:
        """The Kubernetes section of the host's facts."""
        return section(self.facts.get(host, {}), "kubernetes")

    def state(self, host: str) -> str:
        """absent, partial or complete; absent where it could not be read."""
        return str(self.kubernetes(host).get("state", "absent"))

    def is_control_plane(self, host: str) -> bool:
        """By the inventory."""
        return host in self.inventory.control_planes

    @property
    def cluster_exists(self) -> bool:
        """Some observed node is a finished member of a cluster."""
        return any(self.state(host) == "complete" for host in self.facts)


def section(facts: Facts, name: str) -> Mapping[str, Any]:
    """A section of the facts; empty where it could not be read."""
    value = facts.get(name)
    return value if isinstance(value, Mapping) else {}
