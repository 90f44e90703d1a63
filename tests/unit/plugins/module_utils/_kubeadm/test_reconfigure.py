# SPDX-License-Identifier: GPL-3.0-or-later
"""What has to be well before something restarts, and what may be replaced while the API server is down."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.kubeops.cluster.plugins.module_utils._core.errors import Refusal
from ansible_collections.kubeops.cluster.plugins.module_utils._core.plan import Plan
from ansible_collections.kubeops.cluster.plugins.module_utils._core.runner import Programs, Runner
from ansible_collections.kubeops.cluster.plugins.module_utils._kubeadm import drift, encryption, reconfigure
from ansible_collections.kubeops.cluster.plugins.module_utils._kubeadm.api import ApiClient
from ansible_collections.kubeops.cluster.plugins.module_utils._kubeadm.drift import Live
from ansible_collections.kubeops.cluster.plugins.module_utils._kubeadm.generate import Generated

RUNNER = Runner(Programs())
CLIENT = ApiClient("https://192.0.2.1:6443", "", "")
ETCD = drift.plan(Generated(manifests={"etcd": "e"}), Live())
API_SERVER = drift.plan(Generated(manifests={"kube-apiserver": "a"}), Live())
KUBELET = drift.plan(Generated(kubelet={"config.yaml": "k"}), Live())
CONFIG_MAP = drift.plan(Generated(config_maps={"kubelet-config": {"kubelet": "k"}}), Live())


@pytest.mark.parametrize(
    ("planned", "down", "spare", "rule"),
    [
        pytest.param(ETCD, [], True, "", id="etcd, all well"),
        pytest.param(ETCD, [], False, "etcd_quorum", id="etcd without a member to spare"),
        pytest.param(ETCD, ["Node cp3"], True, "control_planes_one_at_a_time", id="etcd, a machine off"),
        pytest.param(API_SERVER, [], False, "", id="quorum is not asked where etcd stays"),
        pytest.param(API_SERVER, ["Node cp3"], True, "control_planes_one_at_a_time", id="API server, a machine off"),
        pytest.param(KUBELET, ["Node cp1"], True, "control_planes_one_at_a_time", id="kubelet, another one died"),
        pytest.param(CONFIG_MAP, ["Node cp3"], False, "", id="nothing restarts"),
    ],
)
def test_others(planned: Plan, down: list[str], spare: bool, rule: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def require_spare_member(others: list[str]) -> None:
        assert others == ["192.0.2.1"]
        if not spare:
            raise Refusal("etcd cannot do without", rule="etcd_quorum")

    monkeypatch.setattr(reconfigure.cluster_probe, "not_ready", lambda _api, without: down)
    monkeypatch.setattr(reconfigure.cluster_probe, "other_members", lambda _api, without: ["192.0.2.1"])
    monkeypatch.setattr(reconfigure.credentials, "require_spare_member", require_spare_member)
    monkeypatch.setattr(reconfigure, "OTHERS_TIMEOUT", -1.0)
    if not rule:
        reconfigure.require_others(CLIENT, "cp2", planned)
        return
    with pytest.raises(Refusal) as refused:
        reconfigure.require_others(CLIENT, "cp2", planned)
    assert refused.value.rule == rule


@pytest.mark.parametrize(
    ("etcd_healthy", "kubelet_healthy", "wanted", "steps"),
    [
        pytest.param(True, True, "new", ["kube-apiserver.yaml"], id="only the API server is down"),
        pytest.param(False, True, "new", ["etcd.yaml", "kube-apiserver.yaml"], id="etcd too"),
        pytest.param(True, False, "new", ["kube-apiserver.yaml", "config.yaml"], id="the kubelet too"),
        pytest.param(False, False, "old", [], id="all as wanted: another reason"),
    ],
)
def test_revival_replaces_only_what_is_down_and_differs(
    etcd_healthy: bool,
    kubelet_healthy: bool,
    wanted: str,
    steps: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names = {name: f"{name}.yaml" for name in ("etcd", "kube-apiserver", "kube-controller-manager")}
    for file in (*names.values(), "config.yaml"):
        (tmp_path / file).write_text("old\n")
    generated = Generated(manifests=dict.fromkeys(names, f"{wanted}\n"), kubelet={"config.yaml": f"{wanted}\n"})
    monkeypatch.setattr(reconfigure.paths, "MANIFESTS", str(tmp_path))
    monkeypatch.setattr(reconfigure.paths, "KUBELET", str(tmp_path))
    monkeypatch.setattr(reconfigure.generate, "without_api", lambda _runner, _documents: generated)
    monkeypatch.setattr(reconfigure.probe, "healthy", lambda _url: etcd_healthy)
    monkeypatch.setattr(reconfigure.trial, "kubelet_healthy", lambda: kubelet_healthy)
    planned = reconfigure.plan_revival(RUNNER, [])
    assert [Path(step.target).name for step in planned.steps] == steps


def test_revival_does_not_turn_to_another_etcd(monkeypatch: pytest.MonkeyPatch) -> None:
    def manifests(etcd: str) -> dict[str, str]:
        return {"kube-apiserver": f"    - --etcd-servers=https://{etcd}:2379\n", "etcd": ""}

    generated = Generated(manifests=manifests("192.0.2.31"))
    monkeypatch.setattr(reconfigure.generate, "without_api", lambda _runner, _documents: generated)
    monkeypatch.setattr(reconfigure, "_own_files", lambda: Live(manifests=manifests("127.0.0.1")))
    with pytest.raises(Refusal, match="kubeops_external_etcd"):
        reconfigure.plan_revival(RUNNER, [])


def test_encryption_needs_its_file(tmp_path: Path) -> None:
    path = tmp_path / "encryption.json"
    with pytest.raises(Refusal, match="kubeops_encryption_at_rest") as refused:
        encryption.require(str(path))
    assert refused.value.rule == "encryption_file_missing"
    path.write_text(encryption.render(b"k" * encryption.KEY_BYTES))
    encryption.require(str(path))
