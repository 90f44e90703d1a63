# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.kubeops.cluster.plugins.filter.cluster_nodes import cluster_nodes


@pytest.mark.parametrize(
    ("host", "variables", "name", "addresses"),
    [
        ("CP1", {}, "cp1", ["CP1"]),
        ("cp1", {"ansible_host": "192.0.2.11"}, "cp1", ["192.0.2.11"]),
        ("cp1", {"ansible_host": "192.0.2.11", "kubeops_node_ip": "10.0.0.1"}, "cp1", ["10.0.0.1"]),
        ("cp1", {"kubeops_node_ip": "10.0.0.1, fd00::1", "kubeops_node_name": "a"}, "a", ["10.0.0.1", "fd00::1"]),
    ],
)
def test_defaults(host: str, variables: dict[str, Any], name: str, addresses: list[str]) -> None:
    expected = {"host": host, "name": name, "address": addresses[0], "addresses": addresses}
    assert cluster_nodes([host], {host: variables}) == [expected]
