# SPDX-License-Identifier: GPL-3.0-or-later
"""When a kubelet is restarted onto what is installed."""

from __future__ import annotations

import pytest
from ansible_collections.kubeops.cluster.plugins.module_utils._core.runner import Programs, Runner
from ansible_collections.kubeops.cluster.plugins.module_utils._kubeadm import kubelet
from ansible_collections.kubeops.cluster.plugins.module_utils._kubeadm.containers import Container
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


@pytest.mark.parametrize(
    ("running", "replaces"), [("v1.35.6", True), ("v1.36.1", False), ("v1.36.3", False), ("", True)]
)
def test_a_kubelet_of_another_minor_replaces_static_pods(running: str, replaces: bool) -> None:
    assert kubelet.replaces_static_pods(running, "v1.36.3") is replaces


OLD_PODS = {"etcd": Container("e1", 1.0, True), "kube-apiserver": Container("a1", 1.0, True)}
HALF = {**OLD_PODS, "etcd": Container("e2", 2.0, True)}
NEW_PODS = {**HALF, "kube-apiserver": Container("a2", 2.0, False), "coredns": Container("c1", 1.0, True)}


@pytest.mark.parametrize(
    ("before", "looks", "replaced"),
    [
        pytest.param(OLD_PODS, [OLD_PODS, HALF, NEW_PODS], True, id="one after the other"),
        pytest.param({}, [OLD_PODS], True, id="nothing to wait for"),
        pytest.param(OLD_PODS, [HALF] * 99, False, id="one stays"),
    ],
)
def test_replacement_is_waited_for(
    monkeypatch: pytest.MonkeyPatch,
    before: dict[str, Container],
    looks: list[dict[str, Container]],
    replaced: bool,
) -> None:
    times = iter(range(10**6))
    monkeypatch.setattr(kubelet.clock, "monotonic", lambda: float(next(times)))
    monkeypatch.setattr(kubelet.time, "sleep", lambda _seconds: None)
    monkeypatch.setattr(kubelet.containers, "newest", lambda _runner: looks.pop(0))
    assert kubelet.wait_for_replacement(Runner(Programs()), before) is replaced
