# SPDX-License-Identifier: GPL-3.0-or-later
"""When a kubelet is restarted onto what is installed."""

from __future__ import annotations

import pytest
from ansible_collections.kubeops.cluster.plugins.module_utils._kubeadm.kubelet import Observed, plan

OLD, NEW = "v1.35.6", "v1.36.3"


@pytest.mark.parametrize(
    ("seen", "reason"),
    [
        pytest.param(Observed(NEW, NEW, True), "", id="done"),
        pytest.param(Observed(NEW, OLD, True), "the node runs v1.35.6, v1.36.3 is wanted", id="installed"),
        pytest.param(Observed(NEW, NEW, False), "the node is not Ready, v1.36.3 is wanted", id="killed in the restart"),
        pytest.param(Observed(NEW), "the node runs , v1.36.3 is wanted", id="the cluster says nothing"),
    ],
)
def test_step(seen: Observed, reason: str) -> None:
    planned = plan(NEW, seen)
    assert [step.reason for step in planned.steps] == ([reason] if reason else [])
    assert planned.refusals == ()


def test_another_version_is_installed() -> None:
    seen = Observed(OLD, OLD, True)
    assert [refused.rule for refused in plan(NEW, seen).refusals] == ["kubelet.not_installed"]
    assert plan(NEW, seen, predicting=True).changed
