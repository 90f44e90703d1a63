# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network

import pytest

from tests.lab.errors import LabError
from tests.lab.model import Lab, check_id, parse_nodes

LAB = Lab("a", IPv4Network("10.64.7.0/24"))


@pytest.mark.parametrize(
    ("text", "nodes"),
    [
        ("", {}),
        ("cp1", {"cp1": ()}),
        ("cp1:control_plane,w1:workers", {"cp1": ("control_plane",), "w1": ("workers",)}),
        ("n1:etcd+load_balancers", {"n1": ("etcd", "load_balancers")}),
    ],
)
def test_parse_nodes(text: str, nodes: dict[str, tuple[str, ...]]) -> None:
    assert parse_nodes(text) == nodes


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("cp1:masters", "masters"),
        ("CP1:workers", "a name is"),
        ("-a", "a name is"),
        ("a,a:workers", "named twice"),
        ("a.b:workers", "a name is"),
    ],
)
def test_parse_nodes_refuses(text: str, complaint: str) -> None:
    with pytest.raises(LabError, match=complaint):
        parse_nodes(text)


@pytest.mark.parametrize("lab_id", ["a", "e2e-1", "x" * 40])
def test_check_id(lab_id: str) -> None:
    assert check_id(lab_id) == lab_id


@pytest.mark.parametrize("lab_id", ["", "-a", "a-", "a.b", "A", "a/b", "..", "x" * 41])
def test_check_id_refuses(lab_id: str) -> None:
    with pytest.raises(LabError, match="lab id"):
        check_id(lab_id)


def test_nodes_keep_their_address_and_take_the_first_free_one() -> None:
    lab = LAB.with_nodes({"a": (), "b": (), "c": ()}).without("a").with_nodes({"c": ("etcd",), "d": ()})
    assert {node.name: str(lab.address(node)) for node in lab.nodes} == {
        "b": "10.64.7.12",
        "c": "10.64.7.13",
        "d": "10.64.7.11",
    }
    assert lab.members("etcd") == (lab.node("c"),)


def test_no_node_takes_the_virtual_address() -> None:
    lab = LAB.with_nodes({f"n{number}": () for number in range(89)})
    assert lab.vip == IPv4Address("10.64.7.100")
    assert lab.vip not in {lab.address(node) for node in lab.nodes}
    with pytest.raises(LabError, match="at most 89"):
        lab.with_nodes({"one-more": ()})


def test_record_round_trip() -> None:
    lab = LAB.with_nodes({"cp1": ("control_plane",), "w1": ("workers",)})
    assert Lab.from_dict(lab.to_dict()) == lab


def test_unknown_node_is_named_with_the_known_ones() -> None:
    with pytest.raises(LabError, match="'w9'; its nodes: cp1"):
        LAB.with_nodes({"cp1": ()}).node("w9")
