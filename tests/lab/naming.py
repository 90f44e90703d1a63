# SPDX-License-Identifier: GPL-3.0-or-later
"""Every name a lab uses on its host, computed from its scope and id. Pure.

The scope is one per state directory (see paths.py), so labs of two state
directories never meet, and one directory's `clean` never touches another's.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Network
from uuid import UUID

from tests.lab.errors import LabError

PREFIX = "kubeops-lab"
# Clear of the pod and service networks that clusters use by default
# (10.244.0.0/16, 10.96.0.0/12).
POOL = IPv4Network("10.64.0.0/11")


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


@dataclass(frozen=True)
class Names:
    scope: str
    lab_id: str

    @property
    def link(self) -> str:
        """The host's end of its cable into the lab (an interface name: 15 bytes at most)."""
        return f"kl-{_digest(self.scope, self.lab_id)[:8]}"

    @property
    def switch(self) -> str:
        """Network namespace that holds the lab's bridge."""
        return f"{self.scope}.{self.lab_id}"

    @property
    def cgroup(self) -> str:
        return f"{self.scope}/{self.lab_id}"

    def netns(self, node: str) -> str:
        return f"{self.switch}.{node}"

    def node_cgroup(self, node: str) -> str:
        return f"{self.cgroup}/{node}"

    def machine(self, node: str) -> str:
        return f"{self.link}-{node}"

    def mac(self, node: str) -> str:
        octets = bytes.fromhex(_digest(self.scope, self.lab_id, node, "mac")[:10])
        return ":".join(f"{octet:02x}" for octet in (0x02, *octets))

    def machine_id(self, node: str) -> UUID:
        return UUID(_digest(self.scope, self.lab_id, node, "machine-id")[:32], version=4)

    def product_uuid(self, node: str) -> UUID:
        return UUID(_digest(self.scope, self.lab_id, node, "product")[:32], version=4)

    def subnets(self) -> Iterator[IPv4Network]:
        """Every /24 of the pool, starting at the one the id hashes to."""
        count = 2 ** (24 - POOL.prefixlen)
        start = int(_digest(self.scope, self.lab_id), 16) % count
        base = int(POOL.network_address)
        for step in range(count):
            yield IPv4Network((base + ((start + step) % count) * 256, 24))


def choose_subnet(names: Names, taken: Iterable[IPv4Network]) -> IPv4Network:
    taken = list(taken)
    for subnet in names.subnets():
        if not any(subnet.overlaps(other) for other in taken):
            return subnet
    raise LabError(f"no free /24 is left in {POOL}: remove labs or routes inside it")
