# SPDX-License-Identifier: GPL-3.0-or-later
"""Another version of the container runtime on a live cluster, from the bundle."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from .cluster import BUNDLE, FULL_ONLY, Cluster, Probe
from .conftest import own_lab

pytestmark = FULL_ONLY
NODES = ("cp1", "cp2", "cp3", "w1")
STARTS = "get pods -A -o jsonpath={range.items[*]}{.metadata.uid}{.status.containerStatuses[*].containerID}{end}"


@pytest.fixture(scope="module")
def cluster(make_cluster: Callable[[str, str, str], Cluster], version: str) -> Cluster:
    made = make_cluster(own_lab("runtime"), version, "cp1:control_plane,cp2:control_plane,cp3:control_plane,w1:workers")
    if not made.bundled_runtime():
        pytest.skip("the bundle has no container runtime")
    return made.created()


def test_it_is_refused_without_leave(cluster: Cluster) -> None:
    """A variable that is set for the next upgrade does not restart every runtime today."""
    before = cluster.runtimes()
    run = cluster.run(extra=cluster.bundled_runtime())
    assert run.rc != 0
    assert run.changed_hosts == {}, run.changed_tasks
    said = " ".join(run.output.split())
    assert "upgrade_cluster_runtime=true" in said and "container_runtime_allow_version_change=true" in said, run.tail()
    assert cluster.runtimes() == before


def test_it_comes_with_containers_running_and_the_api_up(cluster: Cluster) -> None:
    wanted = cluster.bundled_runtime()
    # As a run leaves it that was killed when it had installed the programs on w1.
    archive = f"{BUNDLE}/runtime/containerd/v{wanted['kubeops_container_runtime_version']}/*/containerd-*.tar.gz"
    cluster.sh("w1", f"tar -xzf {archive} -C /usr/local")
    containers = cluster.kubectl("cp1", STARTS)
    cluster.extra_vars.update(wanted)
    leave = {"container_runtime_allow_version_change": True}
    predicted = cluster.run("--check", "--diff", extra=leave)
    assert predicted.rc == 0, predicted.tail()

    host, port = str(cluster.inventory_vars()["kubeops_endpoint"]).rsplit(":", 1)
    with Probe(host, int(port), of=cluster).running() as probe:
        run = cluster.run("--diff", extra=leave)
    print(f"{run.seconds:.0f} s, {len(probe.failures)} of {probe.requests} failed, slowest {probe.slowest:.2f} s")
    assert run.rc == 0, run.tail()
    assert predicted.changed_tasks == run.changed_tasks
    assert probe.failed_in_a_row < 2, probe.failures
    assert cluster.runtimes() == {f"containerd://{wanted['kubeops_container_runtime_version']}"}
    assert cluster.kubectl("cp1", STARTS) == containers, "a container was started anew"
    cluster.assert_healthy(NODES)

    again = cluster.run()
    assert (again.rc, again.changed_hosts) == (0, {}), again.changed_tasks
