# SPDX-License-Identifier: GPL-3.0-or-later
"""A kubeadm that outlived its run is waited for, and a node is looked at afterwards."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.kubeops.cluster.plugins.modules import upgrade_node_facts

WELL = {"kubelet_healthy": True, "api_ready": True, "drift_passes": False}


@pytest.mark.parametrize("ended", [True, False])
def test_waits_before_it_looks(monkeypatch: pytest.MonkeyPatch, ended: bool) -> None:
    done: list[Any] = []

    def settle(timeout: float) -> bool:
        done.append(timeout)
        return ended

    def probe(*_given: Any) -> dict[str, Any]:
        done.append("looked")
        return WELL

    monkeypatch.setattr(upgrade_node_facts.journal, "settle", settle)
    monkeypatch.setattr(upgrade_node_facts.node, "probe", probe)
    params = {"patches": "", "disk_paths": [], "settle_timeout": 0, "lock_timeout": 9}
    module: Any = SimpleNamespace(params=params)
    facts = upgrade_node_facts.observe(module)["ansible_facts"]["kubeops_upgrade"]
    assert facts == {**WELL, "busy": not ended}
    assert done == [9, "looked"]
