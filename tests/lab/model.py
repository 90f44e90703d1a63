# SPDX-License-Identifier: GPL-3.0-or-later
"""What a lab is: an id, a subnet, and nodes with groups and addresses. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv4Network
from typing import Any

from tests.lab.errors import LabError

GROUPS = ("control_plane", "workers", "etcd", "load_balancers")
FIRST_OCTET = 11
VIP_OCTET = 100
_ID = re.compile(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?")
_NODE = re.compile(r"[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?")


@dataclass(frozen=True)
class Node:
    """One machine: `octet` is the last byte of its address."""

    name: str
    groups: tuple[str, ...]
    octet: int


@dataclass(frozen=True)
class Lab:
    """A /24: .1 is this host, nodes start at .11, .100 is free for a virtual address."""

    id: str
    subnet: IPv4Network
    nodes: tuple[Node, ...] = ()

    @property
    def gateway(self) -> IPv4Address:
        return self.subnet[1]

    @property
    def vip(self) -> IPv4Address:
        return self.subnet[VIP_OCTET]

    def address(self, node: Node) -> IPv4Address:
        return self.subnet[node.octet]

    def members(self, group: str) -> tuple[Node, ...]:
        return tuple(node for node in self.nodes if group in node.groups)

    def node(self, name: str) -> Node:
        for node in self.nodes:
            if node.name == name:
                return node
        known = ", ".join(node.name for node in self.nodes) or "none"
        raise LabError(f"lab {self.id!r} has no node {name!r}; its nodes: {known}")

    def with_nodes(self, wanted: dict[str, tuple[str, ...]]) -> Lab:
        """Add what is missing and take over new groups; nodes not named stay."""
        nodes = {node.name: node for node in self.nodes}
        for name, groups in wanted.items():
            octet = nodes[name].octet if name in nodes else _free_octet(nodes)
            nodes[name] = Node(name, groups, octet)
        return replace(self, nodes=tuple(nodes.values()))

    def without(self, name: str) -> Lab:
        return replace(self, nodes=tuple(node for node in self.nodes if node.name != name))

    def to_dict(self) -> dict[str, Any]:
        nodes = [{"name": n.name, "groups": list(n.groups), "octet": n.octet} for n in self.nodes]
        return {"format": 1, "id": self.id, "subnet": str(self.subnet), "nodes": nodes}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Lab:
        nodes = tuple(Node(n["name"], tuple(n["groups"]), n["octet"]) for n in data["nodes"])
        return cls(data["id"], IPv4Network(data["subnet"]), nodes)


def _free_octet(nodes: dict[str, Node]) -> int:
    used = {node.octet for node in nodes.values()}
    for octet in range(FIRST_OCTET, VIP_OCTET):
        if octet not in used:
            return octet
    raise LabError(f"a lab holds at most {VIP_OCTET - FIRST_OCTET} nodes")


def check_id(lab_id: str) -> str:
    if not _ID.fullmatch(lab_id):
        raise LabError(f"lab id {lab_id!r}: use 1 to 40 of a-z, 0-9 and '-' (not at the ends)")
    return lab_id


def parse_nodes(text: str) -> dict[str, tuple[str, ...]]:
    """`cp1:control_plane,lb1:etcd+load_balancers` as {name: groups}."""
    wanted: dict[str, tuple[str, ...]] = {}
    for item in filter(None, text.split(",")):
        name, __, groups = item.partition(":")
        if not _NODE.fullmatch(name):
            raise LabError(f"node {item!r}: a name is 1 to 32 of a-z, 0-9 and '-'")
        if name in wanted:
            raise LabError(f"node {name!r} is named twice")
        wanted[name] = tuple(groups.split("+")) if groups else ()
        unknown = [group for group in wanted[name] if group not in GROUPS]
        if unknown:
            raise LabError(f"node {item!r}: group {unknown[0]!r} is none of {', '.join(GROUPS)}")
    return wanted
