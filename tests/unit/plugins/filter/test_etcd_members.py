# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.kubeops.cluster.plugins.filter.etcd_members import etcd_members

OWN = {"group_names": ["etcd"], "ansible_host": "192.0.2.41"}
GIVEN = {"etcd_name": "m1", "etcd_address": "fd00::1", "etcd_client_port": 12379, "etcd_peer_port": 12380}


@pytest.mark.parametrize(
    ("variables", "member"),
    [
        (OWN, ("E1", "192.0.2.41", "https://192.0.2.41:2379", "https://192.0.2.41:2380")),
        ({**OWN, **GIVEN}, ("m1", "fd00::1", "https://[fd00::1]:12379", "https://[fd00::1]:12380")),
        # Variables of the role etcd mean nothing to kubeadm's etcd.
        (
            {**OWN, **GIVEN, "group_names": ["control_plane"]},
            ("e1", "192.0.2.41", "https://192.0.2.41:2379", "https://192.0.2.41:2380"),
        ),
    ],
)
def test_members(variables: dict[str, Any], member: tuple[str, ...]) -> None:
    keys = ("name", "address", "client_url", "peer_url")
    assert etcd_members(["E1"], {"E1": variables}) == [{"host": "E1", **dict(zip(keys, member))}]
