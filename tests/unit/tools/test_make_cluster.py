# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
from pathlib import Path

import pytest

from tools import make_cluster

PACKAGES = """\
Package: kubeadm
Architecture: amd64
Version: 1.36.9-1.1
Depends: cri-tools (>= 1.30.0)

Package: kubelet
Version: 1.36.11-1.1

Package: kubeadm
Version: 1.36.10-1.1
"""


def write_bundle(directory: Path, *versions: str) -> Path:
    files = [{"kind": "binary", "name": "kubeadm", "version": f"v{version}"} for version in versions]
    (directory / "manifest.json").write_text(json.dumps({"files": [*files, {"kind": "image", "version": "v9.9.9"}]}))
    return directory


def test_package_index():
    assert make_cluster.package_versions(PACKAGES) == {"1.36.9", "1.36.10"}


def test_bundle_versions(tmp_path: Path):
    assert make_cluster.bundle_versions(tmp_path) == set()
    assert make_cluster.bundle_versions(write_bundle(tmp_path, "1.36.3", "1.35.6")) == {"1.36.3", "1.35.6"}


def test_newest_is_chosen_by_number(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("KUBEOPS_VERSION", raising=False)
    assert make_cluster.choose({"1.36.9", "1.36.10", "1.9.12"}, "here") == "1.36.10"


def test_a_wanted_version_wins(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("KUBEOPS_VERSION", "v1.35.6")
    assert make_cluster.choose({"1.36.3", "1.35.6"}, "here") == "1.35.6"


def test_a_version_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("KUBEOPS_VERSION", "1.34.1")
    with pytest.raises(
        make_cluster.HostError, match=r"KUBEOPS_VERSION=1\.34\.1 is not in the bundle, which has 1\.36\.3"
    ):
        make_cluster.choose({"1.36.3"}, "the bundle")


def test_no_source_names_both_ways_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("KUBEOPS_BUNDLE", raising=False)
    monkeypatch.setattr(make_cluster, "BUNDLE", tmp_path)
    monkeypatch.setattr(make_cluster, "REPOSITORY", "http://127.0.0.1:1")
    with pytest.raises(make_cluster.HostError, match=r"(?s)pkgs\.k8s\.io.*KUBEOPS_BUNDLE"):
        make_cluster.find_source()


def test_a_bundle_that_was_named_and_is_not_there_is_no_reason_to_download(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("KUBEOPS_BUNDLE", str(tmp_path))
    monkeypatch.setattr(make_cluster, "BUNDLE", tmp_path)
    with pytest.raises(make_cluster.HostError, match=r"KUBEOPS_BUNDLE names .*no bundle there"):
        make_cluster.find_source()
