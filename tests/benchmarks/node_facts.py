# SPDX-License-Identifier: GPL-3.0-or-later
"""node_facts beside a bare `command: true` and beside `setup`, on the same nodes in turn."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from tests.e2e.cluster import REPO, Cluster
from tests.e2e.conftest import why_not

from .table import Row, render

NODES = "cp1:control_plane,w1:workers,w2:workers"
ROUNDS = int(os.environ.get("KUBEOPS_BENCH_ROUNDS", "5"))
CALLS = {
    "command: true": ("ansible.builtin.command", "true"),
    "setup": ("ansible.builtin.setup", ""),
    "node_facts": ("kubeops.cluster.node_facts", ""),
}


def adhoc_seconds(cluster: Cluster, module: str, arguments: str) -> float:
    ansible = Path(sys.executable).with_name("ansible")
    started = time.monotonic()
    subprocess.run(
        [str(ansible), "all", "-i", str(cluster.inventory), "-m", module, "-a", arguments],
        cwd=REPO, env=cluster.environment, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    return time.monotonic() - started


def main() -> None:
    reason = why_not()
    if reason:
        print(f"node_facts: skipped, {reason}")
        return
    cluster = Cluster("facts", "0.0.0")
    cluster.up(NODES)
    try:
        seconds: dict[str, list[float]] = {name: [] for name in CALLS}
        for __ in range(ROUNDS):
            for name, (module, arguments) in CALLS.items():
                seconds[name].append(adhoc_seconds(cluster, module, arguments))
    finally:
        cluster.remove()
    rows = [Row(name, taken) for name, taken in seconds.items()]
    print(render("node_facts (ad-hoc call on three nodes, seconds, start of ansible included)", rows))
