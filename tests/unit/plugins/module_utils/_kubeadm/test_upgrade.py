# SPDX-License-Identifier: GPL-3.0-or-later
"""What kubeadm upgrade has to do, concluded from what runs: also after a run that was killed."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.kubeops.cluster.plugins.module_utils._kubeadm import upgrade

OLD, NEW = "v1.35.6", "v1.36.3"


def pods(apiserver: str, manager: str = "", scheduler: str = "") -> dict[str, str]:
    return {
        "etcd": "3.6.8-0",
        "kube-apiserver": apiserver,
        "kube-controller-manager": manager or apiserver,
        "kube-scheduler": scheduler or apiserver,
    }


def seen(**changes: Any) -> upgrade.Observed:
    """A control plane that is done, but for the changes."""
    done = {
        "kubeadm": NEW,
        "components": pods(NEW),
        "stored": NEW,
        "kube_proxy": NEW,
        "others": {"cp2": NEW, "cp3": NEW},
    }
    return upgrade.Observed(**{**done, **changes})


@pytest.mark.parametrize(
    ("observed", "actions"),
    [
        pytest.param(seen(), [], id="done"),
        pytest.param(
            seen(components=pods(OLD), stored=OLD, kube_proxy=OLD, others={"cp2": OLD}), ["apply"], id="first"
        ),
        pytest.param(
            seen(components=pods(NEW, OLD), stored=OLD, kube_proxy=OLD, others={"cp2": OLD}),
            ["apply"],
            id="apply killed between static pods",
        ),
        pytest.param(
            seen(stored=OLD, kube_proxy=OLD, others={"cp2": OLD}), ["apply"], id="apply killed before the upload"
        ),
        pytest.param(seen(kube_proxy=OLD, others={"cp2": OLD}), [], id="first is done, addons wait for the others"),
        pytest.param(
            seen(kube_proxy=OLD, others={"cp2": OLD}, kubelet_config_differs=True),
            ["node"],
            id="apply killed after the upload",
        ),
        pytest.param(seen(components=pods(OLD), kube_proxy=OLD, others={"cp1": NEW}), ["node"], id="second"),
        pytest.param(
            seen(components=pods(NEW, NEW, OLD), kube_proxy=OLD, others={"cp1": NEW}), ["node"], id="node killed"
        ),
        pytest.param(seen(kube_proxy=OLD), ["node"], id="last one killed before the addons"),
        pytest.param(seen(kube_proxy=""), [], id="no kube-proxy of kubeadm's"),
        pytest.param(seen(etcd="3.6.9-0"), ["node"], id="etcd was left behind"),
        pytest.param(seen(etcd="3.6.8-0"), [], id="etcd is what kubeadm brings"),
        pytest.param(seen(etcd="3.6.5-0"), [], id="etcd is newer"),
        pytest.param(seen(components={**pods(NEW), "etcd": ""}, etcd="3.6.9-0"), [], id="etcd by a digest"),
        pytest.param(seen(components={}, kubelet_config_differs=True), ["node"], id="worker"),
        pytest.param(seen(components={}, stored=OLD, kube_proxy=OLD), [], id="worker that has the configuration"),
        pytest.param(seen(components={}, unknown_flags=["x"]), ["flags"], id="worker that kubeadm left a flag"),
        pytest.param(
            seen(components={}, kubelet=OLD, unknown_flags=["x"]),
            ["node", "flags"],
            id="worker, its flags after kubeadm",
        ),
        pytest.param(seen(kubelet_server="https://192.0.2.10:8443"), ["kubelet_server"], id="killed before the end"),
        pytest.param(
            seen(kube_proxy=OLD, kubelet_server="https://192.0.2.10:8443"),
            ["node", "kubelet_server"],
            id="killed in kubeadm, the kubelet after it",
        ),
    ],
)
def test_step(observed: upgrade.Observed, actions: list[str]) -> None:
    planned = upgrade.plan(NEW, observed)
    assert planned.refusals == ()
    assert [step.action for step in planned.steps] == actions
    assert all(step.reason for step in planned.steps)


@pytest.mark.parametrize(
    ("observed", "rule"),
    [
        (seen(kubeadm=OLD), "upgrade.kubeadm_version"),
        (seen(components=pods("v1.37.0")), "upgrade.downgrade"),
        (seen(components=pods("v1.36.4")), "upgrade.downgrade"),
        (seen(components=pods("v1.34.9")), "upgrade.skipped_minor"),
        (seen(components=pods(NEW, NEW, "v1.34.9")), "upgrade.skipped_minor"),
    ],
)
def test_refusal(observed: upgrade.Observed, rule: str) -> None:
    planned = upgrade.plan(NEW, observed)
    assert planned.steps == ()
    assert {refused.rule for refused in planned.refusals} == {rule}
    assert all(refused.evidence and refused.fix for refused in planned.refusals)


def test_document() -> None:
    settings = upgrade.Settings(["SystemVerification"], "/etc/kubernetes/kubeops/patches", manifests_timeout=600)
    common = {
        "certificateRenewal": True,
        "etcdUpgrade": True,
        "ignorePreflightErrors": ["SystemVerification"],
        "patches": {"directory": "/etc/kubernetes/kubeops/patches"},
    }
    assert upgrade.document(NEW, settings) == {
        "apiVersion": "kubeadm.k8s.io/v1beta4",
        "kind": "UpgradeConfiguration",
        "apply": {**common, "kubernetesVersion": NEW},
        "node": common,
        "timeouts": {"upgradeManifests": "600s"},
    }
