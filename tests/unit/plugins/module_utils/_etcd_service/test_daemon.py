# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What etcd cannot be started without."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.kubeops.cluster.plugins.module_utils._etcd_service.daemon import StaticPod
from ansible_collections.kubeops.cluster.plugins.module_utils._kubeadm import paths
from ansible_collections.kubeops.cluster.plugins.module_utils._static_pods import pods


@pytest.mark.parametrize("place", ["manifests", "stopped", ""])
def test_a_static_pod_needs_its_manifest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    monkeypatch.setattr(paths, "MANIFESTS", str(tmp_path / "manifests"))
    monkeypatch.setattr(pods, "STOPPED", str(tmp_path / "stopped"))
    if place:
        (tmp_path / place).mkdir()
        (tmp_path / place / "etcd.yaml").write_text("kind: Pod\n")
    lacks = StaticPod("cp3", "https://192.0.2.13:2380").lacks()
    assert lacks == ("" if place else f"{tmp_path}/manifests/etcd.yaml, nor was it set aside")
