# SPDX-License-Identifier: GPL-3.0-or-later
"""Clusters for the end-to-end tests: real kubeadm from a bundle on the lab's nodes.

Environment:
  KUBEOPS_BUNDLE        bundle directory (default /var/lib/kubeops/bundle)
  KUBEOPS_E2E_VERSIONS  comma list of Kubernetes versions (default: the newest in the bundle)
  KUBEOPS_E2E_FULL      run every test of each kind, not one of a kind
  KUBEOPS_E2E_KILLS     how many random moments a run is killed at (default 1)
  KUBEOPS_E2E_LAB       lab id of the shared cluster, and how those of the others begin (default e2e)
  KUBEOPS_E2E_KEEP      leave the labs in place, and take one up again that is there
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .cluster import BUNDLE, FIVE_NODES, Cluster

LAB_ID = os.environ.get("KUBEOPS_E2E_LAB", "e2e")
KEEP = bool(os.environ.get("KUBEOPS_E2E_KEEP"))
# One cluster serves several files of tests: it is made first, and broken last. What has one of its own goes before
# and removes it, as two at a time slow each other down.
ORDER = (
    "test_interruption",
    "test_create_cluster",
    "test_etcd_backup",
    "test_certificates",
    "test_plan_upgrade",
    "test_upgrade_cluster",
    "test_cni_manifests",
    "test_access",
    "test_ca_rotation",
    "test_changes",
    "test_outage",
)


def own_lab(name: str) -> str:
    """Lab id of a cluster that is not shared; sessions with shared clusters of their own don't meet in it."""
    return f"{LAB_ID}-{name}"


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
    items.sort(key=lambda item: ORDER.index(item.path.stem) if item.path.stem in ORDER else -1)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "version" in metafunc.fixturenames:
        metafunc.parametrize("version", wanted_versions() or ["none"], scope="session")


@pytest.fixture(scope="session")
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="session")
def make_cluster() -> Iterator[Callable[[str, str, str], Cluster]]:
    """(lab id, version, nodes) -> a cluster on bare nodes, removed when the session ends."""
    made: dict[str, Cluster] = {}

    def make(lab_id: str, version: str, nodes: str) -> Cluster:
        cluster = Cluster(lab_id, version)
        cluster.remove()
        made[lab_id] = cluster
        cluster.up(nodes)
        return cluster

    yield make
    if not KEEP:
        for cluster in made.values():
            cluster.remove()


@pytest.fixture(scope="session")
def bare_cluster(make_cluster: Callable[[str, str, str], Cluster], version: str) -> Cluster:
    """Five bare nodes, on which the tests of creation make the cluster that later tests share."""
    if KEEP and (kept := Cluster(LAB_ID, version)).inventory.exists():
        return kept
    return make_cluster(LAB_ID, version, FIVE_NODES)


@pytest.fixture(scope="session")
def cluster(bare_cluster: Cluster) -> Cluster:
    """The shared cluster, made now where no earlier test made it."""
    if bare_cluster.sh("cp1", "test -f /etc/kubernetes/admin.conf && echo made", check=False).strip() != "made":
        bare_cluster.created()
    return bare_cluster
