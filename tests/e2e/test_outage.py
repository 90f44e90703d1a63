# SPDX-License-Identifier: GPL-3.0-or-later
"""Any one control plane may be down, and a node may be added while it is."""

from __future__ import annotations

import json
import time

import pytest

from .cluster import FIVE_NODES, FULL_ONLY, Cluster, PlaybookRun, Probe
from .etcd_gateway import STACKED, ask

CONTROL_PLANES = ("cp1", "cp2", "cp3")
ROUTES = "Bridge of this node and routes to the others"


def endpoint(cluster: Cluster) -> Probe:
    host, port = str(cluster.inventory_vars()["kubeops_endpoint"]).rsplit(":", 1)
    return Probe(host, int(port), of=cluster)


def wait_until_answered(probe: Probe, seconds: float = 60) -> float:
    """Seconds until three requests in a row were answered."""
    started = time.monotonic()
    good = 0
    while good < 3:
        good = good + 1 if probe.once() is None else 0
        assert time.monotonic() - started < seconds, "the API did not come back through the endpoint"
        time.sleep(0.2)
    return time.monotonic() - started


@pytest.mark.parametrize("victim", ["cp1", *(pytest.param(name, marks=FULL_ONLY) for name in ("cp2", "cp3"))])
def test_one_control_plane_down(cluster: Cluster, victim: str) -> None:
    alive = next(name for name in CONTROL_PLANES if name != victim)
    cluster.lab("stop", "--id", cluster.lab_id, victim)
    try:
        print(f"{victim} stopped: the API answered again after {wait_until_answered(endpoint(cluster)):.1f} s")
        run = cluster.run()
    finally:
        cluster.lab("start", "--id", cluster.lab_id, victim)
        wait_until_ready(cluster, victim, via=alive)

    assert run.recap[victim]["unreachable"] == 1, run.tail()
    assert {host: row for host, row in run.recap.items() if row["failed"]} == {}, run.tail()
    assert run.changed_hosts == {}, run.changed_tasks
    assert "hosts.unreachable" in run.output, run.tail()


def wait_until_ready(cluster: Cluster, node: str, via: str) -> None:
    """A stopped node is itself again: Ready, and its own API server answers."""
    deadline = time.monotonic() + 180
    probe = Probe(cluster.address(node), 6443, of=cluster)
    while cluster.nodes(via)[node]["ready"] != "True" or probe.once() is not None:
        assert time.monotonic() < deadline, f"{node} did not come back"
        time.sleep(2)


def test_a_new_worker_joins_while_the_first_control_plane_is_down(cluster: Cluster) -> None:
    cluster.up(f"{FIVE_NODES},w3:workers")
    cluster.lab("stop", "--id", cluster.lab_id, "cp1")
    try:
        wait_until_answered(endpoint(cluster))
        run = cluster.run("--limit", "w3")
    finally:
        cluster.lab("start", "--id", cluster.lab_id, "cp1")
        wait_until_ready(cluster, "cp1", via="cp2")
    assert set(run.recap) - {"localhost"} <= {"w3", *CONTROL_PLANES}, run.tail()
    assert run.recap["w3"]["failed"] == run.recap["w3"]["unreachable"] == 0, run.tail()
    assert all(row["changed"] == 0 for host, row in run.recap.items() if host in ("cp1", "w1", "w2"))
    assert cluster.nodes(via="cp2")["w3"]["ready"] == "True"


def etcd_members(cluster: Cluster) -> dict[str, str]:
    """Name -> id."""
    members = ask(cluster, "cp1", STACKED, "/v3/cluster/member/list", '{"linearizable": true}')["members"]
    assert isinstance(members, list)
    return {entry["name"]: entry["ID"] for entry in members}


def refused(cluster: Cluster, on_partial: str) -> PlaybookRun:
    """A run for cp3 that says no, and leaves its kubelet as it was."""
    run = cluster.run("--limit", "cp3", extra={"kubeops_on_partial": on_partial, "preflight_reachability": False})
    assert run.rc != 0, run.tail()
    assert cluster.sh("cp3", "systemctl is-active kubelet", check=False).strip() == "active"
    return run


@FULL_ONLY
def test_a_control_plane_taken_out_by_hand_joins_its_own_cluster_again(cluster: Cluster) -> None:
    """Never a cluster of its own, whatever --limit hides; and what cannot be done now stops nothing."""
    names = list(cluster.nodes())
    cluster.kubectl("cp1", "delete node cp3")
    cluster.lab("stop", "--id", cluster.lab_id, "cp2")
    try:
        wait_until_answered(endpoint(cluster))
        assert "etcd member cp3 cannot be removed now" in (run := refused(cluster, "reset")).output, run.tail()
    finally:
        cluster.lab("start", "--id", cluster.lab_id, "cp2")
        wait_until_ready(cluster, "cp2", via="cp1")

    member = json.dumps({"ID": etcd_members(cluster)["cp3"]})
    ask(cluster, "cp1", STACKED, "/v3/cluster/member/remove", member)
    for policy in ("fail", "resume"):
        assert "kubeops_on_partial=reset" in (run := refused(cluster, policy)).output, run.tail()

    run = cluster.run("--limit", "cp3", extra={"kubeops_on_partial": "reset"})
    assert run.rc == 0, run.tail()
    assert sorted(etcd_members(cluster)) == list(CONTROL_PLANES)
    cluster.assert_healthy(names)
    # The Node came back with another pod subnet, and --limit left the others without a route to it.
    others = cluster.run()
    assert {task.partition(" : ")[2] for task, _host in others.changed_tasks} == {ROUTES}
    assert cluster.run().changed_hosts == {}
