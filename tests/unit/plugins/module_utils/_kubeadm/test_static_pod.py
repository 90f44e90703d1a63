# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the manifest of etcd says of the member and where to ask for it."""

from __future__ import annotations

import pytest
from ansible_collections.kubeops.cluster.plugins.module_utils._kubeadm import static_pod

ETCD = static_pod.parse(
    """
    - etcd
    - --advertise-client-urls=https://192.0.2.13:2379
    - --initial-advertise-peer-urls=https://192.0.2.13:2380
    - --name=cp3
    image: registry.k8s.io/etcd:3.6.8-0
"""
)
OTHERS = [
    {"ID": "1", "name": "cp1", "peerURLs": ["https://192.0.2.11:2380"]},
    {"ID": "2", "name": "cp2", "peerURLs": ["https://192.0.2.12:2380"]},
]


def test_where_to_ask():
    assert static_pod.etcd_urls(ETCD, ["192.0.2.11", "2001:db8::12"]) == [
        "https://192.0.2.13:2379",
        "https://192.0.2.11:2379",
        "https://[2001:db8::12]:2379",
    ]


@pytest.mark.parametrize(
    ("own", "listed"),
    [
        ([{"ID": "3", "name": "cp3", "peerURLs": ["https://192.0.2.13:2380"]}], True),
        # Added, and not started yet.
        ([{"ID": "3", "peerURLs": ["https://192.0.2.13:2380"], "isLearner": True}], True),
        ([], False),
    ],
)
def test_whether_the_member_is_listed(own, listed):
    assert static_pod.lists_member(ETCD, [*OTHERS, *own]) is listed
