# SPDX-License-Identifier: GPL-3.0-or-later
"""Clusters for the end-to-end tests: real kubeadm from a bundle on the lab's nodes.

Environment:
  KUBEOPS_BUNDLE        bundle directory (default /var/lib/kubeops/bundle)
  KUBEOPS_E2E_VERSIONS  comma list of Kubernetes versions (default: the newest in the bundle)
  KUBEOPS_E2E_KILLS     how many random moments a run is killed at (default 2)
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .cluster import BUNDLE, Cluster


def bundle_versions() -> list[str]:
    """Kubernetes versions of the bundle, oldest first, without the leading v."""
    manifest = BUNDLE / "manifest.json"
    if not manifest.is_file():
        return []
    files = json.loads(manifest.read_text())["files"]
    versions = {f["version"].lstrip("v") for f in files if f["kind"] == "binary" and f["name"] == "kubeadm"}
    return sorted(versions, key=lambda version: tuple(int(part) for part in version.split(".")))


def wanted_versions() -> list[str]:
    chosen = os.environ.get("KUBEOPS_E2E_VERSIONS")
    return chosen.split(",") if chosen else bundle_versions()[-1:]


def why_not() -> str:
    """Why real clusters can't be made here; empty where they can."""
    if not bundle_versions():
        return f"no bundle at {BUNDLE} (set KUBEOPS_BUNDLE, or make one with playbooks/build_bundle.yml)"
    if os.geteuid() != 0:
        return "the lab's nodes need root"
    if not shutil.which("systemd-nspawn"):
        return "systemd-nspawn is not installed (python3 -m tests.lab setup)"
    return ""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    reason = why_not()
    here = Path(__file__).parent
    for item in items:
        if here in Path(item.fspath).parents:
            item.add_marker(pytest.mark.e2e)
            if reason:
                item.add_marker(pytest.mark.skip(reason=reason))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "version" in metafunc.fixturenames:
        metafunc.parametrize("version", wanted_versions() or ["none"], scope="module")


@pytest.fixture(scope="module")
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def make_cluster(request: pytest.FixtureRequest) -> Iterator[Callable[[str, str, str], Cluster]]:
    """(lab id, version, nodes) -> a cluster on bare nodes, removed when the module ends."""
    made: list[Cluster] = []

    def make(lab_id: str, version: str, nodes: str) -> Cluster:
        cluster = Cluster(lab_id, version)
        cluster.lab("rm", "--id", lab_id, "--all", check=False)
        made.append(cluster)
        cluster.up(nodes)
        return cluster

    yield make
    if not os.environ.get("KUBEOPS_E2E_KEEP"):
        for cluster in made:
            cluster.remove()
