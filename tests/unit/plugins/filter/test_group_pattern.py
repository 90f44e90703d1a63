# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.kubeops.cluster.plugins.filter.group_pattern import group_pattern

NAMES = ["control_plane", "workers", "etcd"]


@pytest.mark.parametrize(
    ("groups", "pattern"),
    [
        ({"control_plane": ["cp1"], "workers": ["w1"], "etcd": ["e1"], "all": []}, "control_plane:workers:etcd"),
        ({"control_plane": ["cp1"], "workers": []}, "control_plane"),
        ({"workers": ["w1"]}, "workers"),
        ({}, "control_plane:workers:etcd"),
    ],
)
def test_groups_that_have_hosts(groups: dict[str, list[str]], pattern: str) -> None:
    assert group_pattern(NAMES, groups) == pattern
