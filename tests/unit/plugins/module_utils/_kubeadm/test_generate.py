# SPDX-License-Identifier: GPL-3.0-or-later
"""What kubeadm is asked to generate static pods from."""

from __future__ import annotations

import json
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.kubeops.cluster.plugins.module_utils._kubeadm import generate, static_pod

CLUSTER = "kind: ClusterConfiguration\nkubernetesVersion: v1.36.3\n"


class Kubeadm:
    """A runner that keeps what kubeadm is given."""

    def __init__(self) -> None:
        self.argv: list[list[str]] = []
        self.documents: list[str] = []

    def run(self, argv: list[str], **_options: Any) -> None:
        self.argv.append(argv)
        self.documents = Path(argv[argv.index("--config") + 1]).read_text().split("---\n")


@pytest.mark.parametrize(("patches", "expected"), [("", None), ("/etc/patches", {"directory": "/etc/patches"})])
def test_patches_are_part_of_the_configuration(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, patches: str, expected: dict[str, str] | None
) -> None:
    """kubeadm 1.36: can not mix '--config' with arguments [patches]."""
    monkeypatch.setattr(generate, "admin", nullcontext)
    monkeypatch.setattr(generate.credentials, "cluster_configuration", lambda _api: CLUSTER)
    monkeypatch.setattr(generate, "own_node_name", lambda: "cp1")
    monkeypatch.setattr(generate.paths, "RUN", str(tmp_path))
    kubeadm = Kubeadm()
    generate.from_cluster(kubeadm, "kubeadm", "v1.35.6", static_pod.StaticPod(""), patches)
    assert all("--patches" not in argv for argv in kubeadm.argv) and len(kubeadm.argv) == 2
    document = json.loads(kubeadm.documents[0])
    assert document["kind"] == "InitConfiguration"
    assert document.get("patches") == expected
    assert "kubernetesVersion: v1.35.6" in kubeadm.documents[1]
