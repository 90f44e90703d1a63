# SPDX-License-Identifier: GPL-3.0-or-later
"""What kubeadm kept, and what is wrong with a control plane after it ran."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.kubeops.cluster.plugins.module_utils._core.runner import Programs, Runner
from ansible_collections.kubeops.cluster.plugins.module_utils._kubeadm import upgrade_act
from ansible_collections.kubeops.cluster.plugins.module_utils._kubeadm.static_pod import StaticPod
from ansible_collections.kubeops.cluster.plugins.module_utils._kubeadm.upgrade import Settings

FIXTURES = Path(__file__).parents[3] / "fixtures" / "kubeadm" / "1.36.3"
FIRST, JOINED = ((FIXTURES / f"{name}.yaml").read_text() for name in ("etcd", "etcd_of_a_joined_member"))
# What kubeadm upgrade writes on the node of the member that joined.
SECOND = FIRST.replace("192.0.2.11", "192.0.2.12").replace("cp1", "cp2")
OLD, NEW = "v1.35.6", "v1.36.3"
API_SERVER = "    image: registry.k8s.io/kube-apiserver:{}\n"


@pytest.fixture
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A node whose API server was upgraded twice in this run, after one of an earlier run."""
    monkeypatch.setattr(upgrade_act, "BACKUPS", str(tmp_path))
    monkeypatch.setattr(upgrade_act.paths, "MANIFESTS", str(tmp_path / "manifests"))
    monkeypatch.setattr(upgrade_act.files, "keep_aside", lambda *_arguments: None)
    (tmp_path / "manifests").mkdir()
    (tmp_path / "manifests" / "kube-apiserver.yaml").write_text(API_SERVER.format(NEW))
    for name, version, at in (("1", "v1.34.9", 100), ("2", OLD, 200), ("3", NEW, 300)):
        directory = tmp_path / f"kubeadm-backup-manifests-{name}"
        directory.mkdir()
        (directory / "kube-apiserver.yaml").write_text(API_SERVER.format(version))
        os.utime(directory, (at, at))
    return tmp_path


def test_backups_newest_first_of_this_run(node: Path) -> None:
    assert [Path(path).name[-1] for path in upgrade_act.backups()] == ["3", "2", "1"]
    assert [Path(path).name[-1] for path in upgrade_act.backups(150)] == ["3", "2"]


def test_the_newest_copy_of_etcds_data_is_enough(node: Path) -> None:
    for name, at in (("1", 100), ("2", 300), ("3", 200)):
        copy = node / f"kubeadm-backup-etcd-{name}" / "etcd"
        copy.mkdir(parents=True)
        os.utime(copy.parent, (at, at))
    upgrade_act.remove_older_etcd_copies()
    assert [path.name for path in node.glob("kubeadm-backup-etcd-*")] == ["kubeadm-backup-etcd-2"]
    assert len(upgrade_act.backups()) == 3, "manifests stay"


def test_what_ran_before_this_run_comes_back(node: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upgrade_act, "wrong", lambda target, _name: [] if target == OLD else ["not that one"])
    assert upgrade_act.roll_back(150, "cp1") == "it was put back to v1.35.6 and serves"
    assert OLD in (node / "manifests" / "kube-apiserver.yaml").read_text()


def test_a_way_back_that_does_not_serve_is_said(node: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upgrade_act, "wrong", lambda *_arguments: ["the API server is not ready"])
    monkeypatch.setattr(upgrade_act.clock.time, "sleep", lambda _seconds: None)
    said = upgrade_act.roll_back(150, "cp1", seconds=0)
    assert "it does not serve yet: the API server is not ready" in said


@pytest.mark.parametrize(
    ("before", "after", "written"),
    [
        ("joined", "kubeadm's", True),
        ("joined", "joined", False),
        ("kubeadm's", "kubeadm's", False),
        ("none", "kubeadm's", False),
    ],
)
def test_etcd_keeps_the_flags_of_its_birth(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: str, after: str, written: bool
) -> None:
    manifests = {
        "none": "",
        "joined": JOINED,
        "kubeadm's": SECOND,
    }
    (tmp_path / "etcd.yaml").write_text(manifests[after])
    monkeypatch.setattr(upgrade_act, "ETCD_MANIFEST", str(tmp_path / "etcd.yaml"))
    tried: list[dict[str, str]] = []
    monkeypatch.setattr(upgrade_act.trial, "change", lambda _runner, _reader, texts: tried.append(texts))
    upgrade_act.keep_birth(Runner(Programs()), manifests[before])
    assert tried == [{str(tmp_path / "etcd.yaml"): JOINED}] * written


@pytest.mark.parametrize(
    ("born", "etcd_upgrade", "given"),
    [(JOINED, True, True), (JOINED, False, False), (SECOND, True, False), ("", True, False)],
)
def test_kubeadm_is_told_the_flags_of_etcds_birth(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, born: str, etcd_upgrade: bool, given: bool
) -> None:
    monkeypatch.setattr(upgrade_act.paths, "RUN", str(tmp_path))
    monkeypatch.setattr(upgrade_act, "static_pods", lambda: {"kube-apiserver": StaticPod()})
    monkeypatch.setattr(upgrade_act.generate, "from_cluster", lambda *_arguments: {"etcd": SECOND})
    own = tmp_path / "own"
    own.mkdir()
    (own / "etcd+json.json").write_text("[]")
    settings = Settings(patches=str(own), etcd_upgrade=etcd_upgrade)
    with upgrade_act.keeping_birth(Runner(Programs()), NEW, settings, born) as told:
        names = sorted(path.name for path in Path(told.patches).iterdir())
        assert names == ["etcd+json.json", *([upgrade_act.BIRTH_PATCH] if given else [])]
        assert (told.patches == str(own)) is not given
    assert [path.name for path in tmp_path.iterdir()] == ["own"]


def test_nothing_was_replaced(node: Path) -> None:
    assert upgrade_act.roll_back(400, "cp1") == "kubeadm had replaced no manifest of the API server"
    assert NEW in (node / "manifests" / "kube-apiserver.yaml").read_text()


def test_flags_are_dropped_and_kept_aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, kept = tmp_path / "kubeadm-flags.env", []
    monkeypatch.setattr(upgrade_act.paths, "KUBELET_FLAGS", str(file))
    monkeypatch.setattr(upgrade_act.files, "keep_aside", lambda path, *_more: kept.append(path))
    file.write_text('KUBELET_KUBEADM_ARGS="--node-ip=192.0.2.1 --pod-infra-container-image=r/pause:3.10"\n')
    for _run in range(2):
        upgrade_act.drop_flags(["pod-infra-container-image"])
        assert file.read_text() == 'KUBELET_KUBEADM_ARGS="--node-ip=192.0.2.1"\n'
    assert kept == [str(file)], "what is as it should be is not written again"


@pytest.mark.parametrize(
    ("pod", "problem"),
    [
        ({"image": "r/kube-apiserver:v1.36.3", "ready": True}, ""),
        ({"image": "r/kube-apiserver:v1.36.3", "ready": False}, "kube-apiserver is not ready"),
        (
            {"image": "r/kube-apiserver:v1.35.6", "ready": True},
            "kube-apiserver runs v1.35.6, its manifest says v1.36.3",
        ),
        (None, "there is no pod of kube-apiserver"),
    ],
)
def test_pods(pod: dict[str, Any] | None, problem: str) -> None:
    assert upgrade_act._wrong_pod("kube-apiserver", NEW, pod) == problem
