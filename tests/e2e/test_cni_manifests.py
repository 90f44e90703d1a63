# SPDX-License-Identifier: GPL-3.0-or-later
"""Published pod networks are accepted by the real API server, in a server-side dry run.

Their images are not in a bundle of Kubernetes alone, so they are not run.
"""

from __future__ import annotations

import json

import pytest

from .cluster import BUNDLE, FULL_ONLY, Cluster


def in_bundle(plugin: str) -> bool:
    files = json.loads((BUNDLE / "manifest.json").read_text())["files"]
    return any(entry["kind"] == "manifest" and entry["name"] == plugin for entry in files)


@pytest.mark.parametrize("plugin", ["flannel", *(pytest.param(name, marks=FULL_ONLY) for name in ("calico", "cilium"))])
def test_api_server_accepts_the_manifest(cluster: Cluster, plugin: str) -> None:
    if not in_bundle(plugin):
        pytest.skip(f"the bundle has no manifest of {plugin} (kind manifest, docs/bundle.md)")
    run = cluster.run("--check", "--diff", "--limit", "control_plane", extra={"kubeops_cni": plugin})
    assert run.rc == 0, run.tail()
    applied = [row for row in run.changed_tasks if row[0].endswith("Apply the manifest")]
    assert len(applied) == 1, run.changed_tasks
    namespace = {"flannel": "kube-flannel", "calico": "kube-system", "cilium": "cilium-secrets"}[plugin]
    assert f"{plugin}" in run.output and namespace in run.output
    left = cluster.kubectl("cp1", "get namespaces -o name")
    assert "kube-flannel" not in left and "cilium-secrets" not in left
