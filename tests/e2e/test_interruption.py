# SPDX-License-Identifier: GPL-3.0-or-later
"""A run killed anywhere can be run again."""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Callable, Iterator

import pytest

from .cluster import FIVE_NODES, FULL_ONLY, Cluster, PlaybookRun
from .conftest import KEEP, own_lab

NAMES = ("cp1", "cp2", "cp3", "w1", "w2")
# What is done to five nodes is done to these, in half the time.
FEWER_NODES = "cp1:control_plane,cp2:control_plane,w1:workers"
KILLS = int(os.environ.get("KUBEOPS_E2E_KILLS", "1"))
SEED = int(os.environ.get("KUBEOPS_E2E_SEED", "0")) or random.SystemRandom().randrange(1, 10**6)
FULL_RUN_SECONDS = float(os.environ.get("KUBEOPS_E2E_RUN_SECONDS", "100"))


@pytest.fixture
def bare(make_cluster: Callable[[str, str, str], Cluster], version: str) -> Iterator[Callable[..., Cluster]]:
    yield lambda nodes=FIVE_NODES: make_cluster(own_lab("killed"), version, nodes)
    if not KEEP:
        Cluster(own_lab("killed"), version).remove()


def converge(cluster: Cluster, way_out: str = "reset") -> int:
    """Run until it converges; where a run refuses, follow the way out that it names. Returns the runs needed."""
    run = cluster.run()
    if run.rc == 0:
        return 1
    follow_the_way_out(cluster, run, way_out)
    return 2


def follow_the_way_out(cluster: Cluster, refused: PlaybookRun, way_out: str = "reset") -> None:
    """A run that refuses says which variable leads on; with it, the next one converges."""
    assert f"kubeops_on_partial={way_out}" in refused.output, refused.tail()
    print(f"refused, with kubeops_on_partial={way_out} as the way out")
    run = cluster.run(extra={"kubeops_on_partial": way_out})
    assert run.rc == 0, run.tail()


def test_controller_killed_again_and_again(bare: Callable[..., Cluster]) -> None:
    """Each killed run is the next run of the one killed before it; the last one is let through."""
    moments = random.Random(SEED)
    nodes = FIVE_NODES if os.environ.get("KUBEOPS_E2E_FULL") else FEWER_NODES
    names = [node.partition(":")[0] for node in nodes.split(",")]
    cluster = bare(nodes)
    seconds = FULL_RUN_SECONDS * len(names) / len(NAMES)
    hits = 0
    while hits < KILLS:
        moment = round(moments.uniform(3.0, seconds), 1)
        finished = cluster.run_killed(moment)
        print(f"kill {hits + 1} after {moment} s (seed {SEED}): {'hit' if finished is None else 'the run had ended'}")
        if finished is None:
            hits += 1
        elif finished.rc:
            follow_the_way_out(cluster, finished)
        else:
            cluster.assert_healthy(names)
            cluster = bare(nodes)
    print(f"converged in {converge(cluster)} run(s)")
    cluster.assert_healthy(names)
    assert cluster.run().changed_hosts == {}


def kubeadm_works(cluster: Cluster, node: str, phase: str) -> bool:
    return bool(cluster.sh(node, f"pgrep -f '^[^ ]*kubeadm {phase}' || true").strip())


# Ansible's own default: modules get a terminal, which dies with the controller.
NO_PIPELINING = {"ANSIBLE_PIPELINING": "False", "ANSIBLE_SSH_PIPELINING": "False"}


@FULL_ONLY
@pytest.mark.parametrize(
    ("node", "phase", "environment"),
    [
        pytest.param("cp1", "init", {}, id="cp1-init"),
        pytest.param("cp2", "join", {}, id="cp2-join"),
        pytest.param("w1", "join", NO_PIPELINING, id="w1-join-without-pipelining"),
    ],
)
def test_controller_killed_while_kubeadm_works(
    bare: Callable[..., Cluster], node: str, phase: str, environment: dict[str, str]
) -> None:
    """kubeadm goes on without its controller: the next run waits for it, and needs no way out."""
    cluster = bare()
    cluster.extra_environment.update(environment)
    assert cluster.run_killed_when(lambda: kubeadm_works(cluster, node, phase)) is None
    run = cluster.run()
    assert run.rc == 0, run.tail()
    cluster.assert_healthy(NAMES)
    assert cluster.run().changed_hosts == {}


def kill_kubeadm(cluster: Cluster, node: str, phase: str) -> None:
    """SIGKILL `kubeadm <phase>` on a node a moment after it appeared."""
    # A worker's join takes a second: what is killed must still be there, so the node itself waits for it.
    moment = random.Random(SEED).uniform(0.1, 0.5 if node.startswith("w") else 1.5)
    wanted = f"'^[^ ]*kubeadm {phase}'"
    waiting = f'timeout 300 bash -c "until pgrep -f {wanted} >/dev/null; do sleep 0.05; done"'
    cluster.sh(node, f"{waiting} && sleep {moment:.2f} && pkill -KILL -f {wanted}")


@FULL_ONLY
@pytest.mark.parametrize(
    ("node", "phase", "way_out"),
    [
        ("cp1", "init", "reset"),
        ("cp1", "init", "resume"),
        ("cp2", "join", "reset"),
        ("cp2", "join", "resume"),
        ("w1", "join", "reset"),
    ],
)
def test_kubeadm_killed(bare: Callable[..., Cluster], node: str, phase: str, way_out: str) -> None:
    cluster = bare()
    first: list[int] = []
    thread = threading.Thread(target=lambda: first.append(cluster.run().rc))
    thread.start()
    kill_kubeadm(cluster, node, phase)
    thread.join()
    assert first and first[0] != 0, "a run whose kubeadm was killed must not report success"
    converge(cluster, way_out)
    cluster.assert_healthy(NAMES)
    assert cluster.run().changed_hosts == {}
