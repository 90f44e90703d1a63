# SPDX-License-Identifier: GPL-3.0-or-later
"""Nodes of the lab for the benchmarks, and the plain scripts that are measured on them."""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

from tests.e2e.cluster import FIVE_NODES, Cluster

LAB_ID = "bench"
FIVE_NAMES = ("cp1", "cp2", "cp3", "w1", "w2")


def fresh(version: str, nodes: str = FIVE_NODES) -> Cluster:
    """Bare nodes in the place of those of the measurement before."""
    cluster = Cluster(LAB_ID, version)
    cluster.lab("rm", "--id", LAB_ID, "--all", check=False)
    cluster.up(nodes)
    return cluster


def script_nodes(cluster: Cluster) -> dict[str, str]:
    """What nodes.sh is told: the same nodes and the same bundle as the playbook."""
    variables = cluster.inventory_vars()
    return {
        "NODES": " ".join(f"{name}={cluster.address(name)}" for name in FIVE_NAMES),
        "SSH_KEY": str(variables["ansible_ssh_private_key_file"]),
        "BUNDLE_ON_NODE": str(variables["kubeops_bundle_on_node"]),
    }


def script_seconds(name: str, settings: Mapping[str, str], apart: str = "") -> tuple[float, float]:
    """Wall time of one of this directory's scripts, whose stages are printed, and of those named like apart."""
    started = time.monotonic()
    done = subprocess.run(
        [str(Path(__file__).with_name(name))],
        env={**os.environ, **settings}, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"{name} failed:\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}")
    seconds = time.monotonic() - started
    print(f"shell script:\n{done.stderr}")
    return seconds, stage_seconds(done.stderr, apart) if apart else 0.0


def stage_seconds(text: str, name: str) -> float:
    """Of stages whose names begin like that, as nodes.sh prints them."""
    return float(sum(int(seconds) for seconds in re.findall(rf"^ *(\d+) s  {re.escape(name)}", text, re.MULTILINE)))
