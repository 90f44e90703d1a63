# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from ipaddress import IPv4Network

import pytest

from tests.lab.image import mirror_from_sources
from tests.lab.network import routed_networks
from tests.lab.uplink import nameservers

DEB822 = """\
Types: deb
URIs: https://example.org/tools
Suites: nodistro
Components: main

Types: deb
# a comment
URIs: http://mirror.example.org/debian
Suites: bookworm bookworm-updates
Components: main

Types: deb
URIs: http://mirror.example.org/debian-security
Suites: bookworm-security
Components: main
"""


@pytest.mark.parametrize(
    ("text", "mirror"),
    [
        ("", None),
        (DEB822, "http://mirror.example.org/debian"),
        ("deb http://a.example.org/debian bookworm main\n", "http://a.example.org/debian"),
        ("deb [signed-by=/k] http://a.example.org/debian bookworm main\n", "http://a.example.org/debian"),
        ("# deb http://a.example.org/debian bookworm main\n", None),
        ("deb http://a.example.org/debian trixie main\n", None),
        ("deb http://a.example.org/debian-security bookworm-security main\n", None),
    ],
)
def test_mirror_from_sources(text: str, mirror: str | None) -> None:
    assert mirror_from_sources(text) == mirror


@pytest.mark.parametrize(
    ("routes", "networks"),
    [
        ("[]", []),
        ('[{"dst":"default","gateway":"192.0.2.1"},{"dst":"192.0.2.0/24"}]', ["192.0.2.0/24"]),
        ('[{"type":"local","dst":"10.64.3.1"}]', ["10.64.3.1/32"]),
    ],
)
def test_routed_networks(routes: str, networks: list[str]) -> None:
    assert routed_networks(routes) == [IPv4Network(network) for network in networks]


@pytest.mark.parametrize(
    ("text", "servers"),
    [
        ("nameserver 192.0.2.53\noptions edns0\nnameserver 192.0.2.54\n", ["192.0.2.53", "192.0.2.54"]),
        ("nameserver 127.0.0.53\nsearch example.org\n", []),
        ("# nameserver 192.0.2.53\nnameserver 2001:db8::53\n", []),
        ("", []),
    ],
)
def test_nameservers_that_nodes_can_ask(text: str, servers: list[str]) -> None:
    assert nameservers(text) == servers
