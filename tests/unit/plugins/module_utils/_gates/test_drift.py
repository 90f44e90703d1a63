# SPDX-License-Identifier: GPL-3.0-or-later
"""Which kubeadms can have written manifests, and what none of them wrote."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.kubeops.cluster.plugins.module_utils._core.errors import KubeopsError
from ansible_collections.kubeops.cluster.plugins.module_utils._gates import node

OLD, NEW = "v1.34.9", "v1.35.6"


def kept(*versions: str) -> dict[str, str]:
    return {version: f"/kept/{version}" for version in versions}


@pytest.mark.parametrize(
    ("versions", "installed", "there", "expected"),
    [
        pytest.param([OLD], OLD, [], [("kubeadm", OLD)], id="before"),
        pytest.param([NEW], NEW, [OLD, NEW], [("kubeadm", NEW)], id="after"),
        pytest.param([OLD], NEW, [OLD], [(f"/kept/{OLD}", OLD), ("kubeadm", NEW)], id="killed before the API server"),
        pytest.param([NEW, OLD], NEW, [OLD], [("kubeadm", NEW), (f"/kept/{OLD}", OLD)], id="killed after it"),
        pytest.param([OLD], NEW, [], None, id="kubeadm was upgraded by somebody else"),
        pytest.param([NEW, OLD], NEW, [], None, id="half upgraded by somebody else"),
    ],
)
def test_kubeadms(
    versions: list[str], installed: str, there: list[str], expected: list[tuple[str, str]] | None
) -> None:
    programs = kept(*there)
    if expected is None:
        with pytest.raises(node.NotComparableError, match=f"no kubeadm {OLD}"):
            node.kubeadms(versions, installed, lambda version: programs.get(version, ""))
    else:
        assert node.kubeadms(versions, installed, lambda version: programs.get(version, "")) == expected


def manifests(etcd: str, apiserver: str) -> dict[str, str]:
    return {"etcd": f"image: etcd:{etcd}\n", "kube-apiserver": f"image: kube-apiserver:{apiserver}\n"}


@pytest.mark.parametrize(
    ("live", "different"),
    [
        (manifests("3.6.5", OLD), []),
        (manifests("3.6.6", OLD), []),
        (manifests("3.6.6", NEW), []),
        (manifests("3.6.7", OLD), ["etcd"]),
        (manifests("3.6.5", f"{OLD}\n# by hand"), ["kube-apiserver"]),
        ({**manifests("3.6.5", OLD), "etcd": ""}, []),
    ],
)
def test_what_no_kubeadm_wrote(live: dict[str, str], different: list[str]) -> None:
    generated = [manifests("3.6.5", OLD), manifests("3.6.6", NEW)]
    found = node.manifest_diffs(live, generated)
    assert list(found) == different
    assert all(f"{name} as it is" in diff for name, diff in found.items())


@pytest.mark.parametrize(
    ("live", "there", "behind"),
    [
        pytest.param("3.6.5", ["v1.33.1", OLD, NEW], True, id="as the kubeadm of before wrote it"),
        pytest.param("3.6.5", ["v1.33.1", NEW], False, id="none of before was kept"),
        pytest.param("3.6.5 # by hand", ["v1.33.1", OLD], False, id="none has written it"),
        pytest.param("3.6.6", [NEW], False, id="the one that is installed was asked already"),
    ],
)
def test_etcd_that_an_upgrade_left_behind(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, live: str, there: list[str], behind: bool
) -> None:
    def generate_by(program: str, version: str) -> dict[str, str]:
        assert program == f"{tmp_path}/{version}/kubeadm"
        if version == "v1.33.1":
            raise KubeopsError("kubeadm cannot read the cluster's configuration")
        return manifests({OLD: "3.6.5", NEW: "3.6.6"}[version], version)

    for version in there:
        (tmp_path / version).mkdir()
        (tmp_path / version / "kubeadm").touch()
    (tmp_path / "etcd.yaml").write_text(manifests(live, NEW)["etcd"])
    monkeypatch.setattr(node, "RELEASES", str(tmp_path))
    monkeypatch.setattr(node.paths, "MANIFESTS", str(tmp_path))
    monkeypatch.setattr(node, "_version_of", lambda _runner, program: Path(program).parent.name)
    runner: Any = None
    assert node.etcd_left_behind(runner, {NEW}, generate_by) is behind


@pytest.mark.parametrize(
    ("live", "wanted", "different"),
    [
        ("maxPods: 110\n", "maxPods: 110\n\n", False),
        ("maxPods: 50\n", "maxPods: 110\n", True),
        ("maxPods: 50\n", "", False),
    ],
)
def test_kubelets_configuration(live: str, wanted: str, different: bool) -> None:
    diff = node.kubelet_diff(live, wanted)
    assert bool(diff) is different
    assert not diff or ("-maxPods: 50" in diff and "+maxPods: 110" in diff)
