# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from ansible_collections.kubeops.cluster.plugins.action import cni_manifest
from ansible_collections.kubeops.cluster.plugins.module_utils._core.errors import KubeopsError

TEXT = b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {built: 2026-01-02}\n---\n"
DIGEST = hashlib.sha256(TEXT).hexdigest()


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    (tmp_path / "flannel.yml").write_bytes(TEXT)
    entry = {"kind": "manifest", "name": "flannel", "version": "v1", "path": "flannel.yml", "sha256": DIGEST}
    (tmp_path / "manifest.json").write_text(json.dumps({"files": [entry]}))
    return tmp_path


@pytest.mark.parametrize("source", ["bundle:flannel", "bundle:flannel@v1"])
def test_from_the_bundle(bundle: Path, source: str) -> None:
    assert cni_manifest.load(source, "", bundle) == TEXT


def test_from_a_file(bundle: Path) -> None:
    assert cni_manifest.load(str(bundle / "flannel.yml"), DIGEST, None) == TEXT


def test_dates_stay_text(bundle: Path) -> None:
    assert cni_manifest.parse(TEXT, "x")[0]["data"] == {"built": "2026-01-02"}


@pytest.mark.parametrize(
    ("source", "checksum", "word"),
    [
        ("https://192.0.2.1/x.yml", "", "not pinned"),
        ("/does/not/exist.yml", "", "cannot be read"),
        ("bundle:calico", "", "flannel@v1"),
        ("bundle:flannel@v2", "", "0 manifests"),
    ],
)
def test_what_cannot_be_had(bundle: Path, source: str, checksum: str, word: str) -> None:
    with pytest.raises(KubeopsError, match=word):
        cni_manifest.load(source, checksum, bundle)


def test_another_file_than_was_pinned(bundle: Path) -> None:
    with pytest.raises(KubeopsError, match="not the manifest that was pinned"):
        cni_manifest.load(str(bundle / "flannel.yml"), "0" * 64, None)


@pytest.mark.parametrize("content", [b"a: [", b"just text"])
def test_no_manifest(content: bytes) -> None:
    with pytest.raises(KubeopsError, match="no Kubernetes manifest"):
        cni_manifest.parse(content, "x")
