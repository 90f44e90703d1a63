# SPDX-License-Identifier: GPL-3.0-or-later
"""Labels and taints by Node name; no list of taints is another wish than an empty one."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.kubeops.cluster.plugins.filter.node_metadata import node_metadata

TAINT = {"key": "dedicated", "effect": "NoSchedule"}


@pytest.mark.parametrize(
    ("group", "variables", "taints"),
    [
        ("control_plane", {}, None),
        ("control_plane", {"kubeops_node_taints": []}, []),
        ("control_plane", {"kubeops_node_taints": [TAINT]}, [TAINT]),
        ("workers", {}, None),
        ("workers", {"kubeops_node_taints": []}, None),
        ("workers", {"kubeops_node_taints": [TAINT]}, [TAINT]),
    ],
)
def test_taints(group: str, variables: dict[str, Any], taints: list[Any] | None) -> None:
    hostvars = {"N1": {"group_names": [group], **variables}}
    assert node_metadata(["N1"], hostvars) == {"n1": {"labels": {}, "taints": taints}}
