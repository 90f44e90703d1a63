# SPDX-License-Identifier: GPL-3.0-or-later
"""What the rules are given of the hosts' variables."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.kubeops.cluster.plugins.action.preflight import ActionModule
from ansible_collections.kubeops.cluster.plugins.module_utils._inventory.finding import Finding


@pytest.mark.parametrize(
    "name",
    [
        "ansible_host",
        "cni_manifest",
        "cni_manifest_sha256",
        "container_runtime_repository",
        "kubeops_version",
        "load_balancer_monitor_port",
    ],
)
def test_variables_that_rules_read_reach_them(name: str) -> None:
    broken: list[Finding] = []
    hostvars: dict[str, Any] = {name: "x", "cni_other": "y", "ansible_user": "z"}
    assert ActionModule._host(object.__new__(ActionModule), hostvars, "cp1", broken) == {name: "x"}
    assert broken == []
