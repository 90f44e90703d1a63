# SPDX-License-Identifier: GPL-3.0-or-later
"""A run killed anywhere can be run again."""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Callable

import pytest

from .cluster import FIVE_NODES, Cluster

NAMES = ("cp1", "cp2", "cp3", "w1", "w2")
KILLS = int(os.environ.get("KUBEOPS_E2E_KILLS", "2"))
SEED = int(os.environ.get("KUBEOPS_E2E_SEED", "0")) or random.SystemRandom().randrange(1, 10**6)
FULL_RUN_SECONDS = float(os.environ.get("KUBEOPS_E2E_RUN_SECONDS", "100"))


def moments() -> list[float]:
    """Random moments of a run, spread so that early and late ones both come up."""
    generator = random.Random(SEED)
    width = FULL_RUN_SECONDS / max(KILLS, 1)
    return [round(width * (index + generator.random()), 1) for index in range(KILLS)]


@pytest.fixture
def bare(make_cluster: Callable[[str, str, str], Cluster], version: str) -> Callable[[], Cluster]:
    return lambda: make_cluster("killed", version, FIVE_NODES)


def converge(cluster: Cluster) -> int:
    """Run until it converges; where a run refuses, follow the way out that it names. Returns the runs needed."""
    run = cluster.run()
    if run.rc == 0:
        return 1
    assert "on_partial" in run.output, run.tail()
    run = cluster.run(extra={"kubeops_on_partial": "reset"})
    assert run.rc == 0, run.tail()
    return 2


@pytest.mark.parametrize("moment", moments())
def test_controller_killed(bare: Callable[[], Cluster], moment: float) -> None:
    cluster = bare()
    hit = cluster.run_killed(moment)
    runs = converge(cluster)
    print(f"killed after {moment} s (seed {SEED}, hit: {hit}): converged in {runs} run(s)")
    cluster.assert_healthy(NAMES)
    assert cluster.run().changed_hosts == {}


def kill_kubeadm(cluster: Cluster, node: str, phase: str, seconds: float = 300) -> None:
    """SIGKILL `kubeadm <phase>` on a node a moment after it appeared."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if cluster.sh(node, f"pgrep -f '^[^ ]*kubeadm {phase}' || true").strip():
            time.sleep(random.Random(SEED).uniform(1.0, 5.0))
            cluster.sh(node, f"pkill -KILL -f '^[^ ]*kubeadm {phase}' || true")
            return
        time.sleep(0.2)
    raise AssertionError(f"kubeadm {phase} never ran on {node}")


@pytest.mark.parametrize(("node", "phase"), [("cp1", "init"), ("cp2", "join"), ("w1", "join")])
def test_kubeadm_killed(bare: Callable[[], Cluster], node: str, phase: str) -> None:
    cluster = bare()
    first: list[int] = []
    thread = threading.Thread(target=lambda: first.append(cluster.run().rc))
    thread.start()
    kill_kubeadm(cluster, node, phase)
    thread.join()
    assert first and first[0] != 0, "a run whose kubeadm was killed must not report success"
    converge(cluster)
    cluster.assert_healthy(NAMES)
    assert cluster.run().changed_hosts == {}
