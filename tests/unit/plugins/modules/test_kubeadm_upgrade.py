# SPDX-License-Identifier: GPL-3.0-or-later
"""What becomes of a control plane whose upgrade failed."""

from __future__ import annotations

import pytest
from ansible_collections.kubeops.cluster.plugins.module_utils._core.errors import KubeopsError
from ansible_collections.kubeops.cluster.plugins.module_utils._core.plan import Step
from ansible_collections.kubeops.cluster.plugins.module_utils._core.runner import Programs, Runner
from ansible_collections.kubeops.cluster.plugins.module_utils._kubeadm import upgrade
from ansible_collections.kubeops.cluster.plugins.modules import kubeadm_upgrade


def fail(*_arguments: object, **_options: object) -> None:
    raise KubeopsError("it is not ready", seen="503")


@pytest.mark.parametrize(
    ("fails_in", "last", "static_pods", "outcome"),
    [
        ("act", False, True, "put back"),
        ("verify", False, True, "put back"),
        # kubeadm failed before it came to the addons, or on them.
        ("act", True, True, "put back"),
        ("verify", True, True, "brought kube-proxy along"),
        ("keep_birth", True, True, "brought kube-proxy along"),
        ("act", False, False, "kubelet was not touched"),
    ],
)
def test_the_way_back(
    monkeypatch: pytest.MonkeyPatch, fails_in: str, last: bool, static_pods: bool, outcome: str
) -> None:
    act = kubeadm_upgrade.upgrade_act
    for name, answer in {"etcd_manifest": "", "act": [], "keep_birth": None, "verify": None}.items():
        monkeypatch.setattr(act, name, fail if name == fails_in else lambda *_, answer=answer: answer)
    monkeypatch.setattr(act, "static_pods", lambda: {"kube-apiserver": "v1.35.6"} if static_pods else {})
    monkeypatch.setattr(act, "roll_back", lambda *_: "it was put back to v1.35.6 and serves")
    step = Step(upgrade.APPLY, "v1.36.3", "")
    with pytest.raises(KubeopsError, match=r"the upgrade of cp1 to v1\.36\.3 failed: it is not ready") as told:
        kubeadm_upgrade._upgrade(Runner(Programs()), upgrade.Settings(), step, "cp1", last=last)
    assert outcome in told.value.seen
    assert outcome in told.value.details["rolled_back"]


@pytest.mark.parametrize(
    ("others", "last"),
    [({}, True), ({"cp2": "v1.36.3"}, True), ({"cp2": "v1.36.3", "cp3": "v1.35.6"}, False)],
)
def test_the_last_control_plane_brings_the_addons(others: dict[str, str], last: bool) -> None:
    assert upgrade.is_last("v1.36.3", upgrade.Observed("v1.36.3", others=others)) is last
