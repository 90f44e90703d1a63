# SPDX-License-Identifier: GPL-3.0-or-later
"""version_skew over ever more nodes: processor time, memory, and whether both grow no faster than the nodes."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from datetime import date
from importlib import import_module
from typing import Any

from tools import paths

# Importable only where PYTHONPATH leads to the collection.
JUDGE = "ansible_collections.kubeops.cluster.plugins.module_utils._version.judge"
NODES = (1250, 2500, 5000, 10000)
LIMIT_NODES, LIMIT_SECONDS, LIMIT_MIB = 5000, 2.0, 500
STATIC = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kubeadm")


def cluster(size: int) -> dict[str, Any]:
    """Three control planes on 1.34.9, and workers on two minors."""
    server = {**dict.fromkeys(STATIC, "1.34.9"), "etcd": "3.6.5"}
    control_planes = [{"name": f"cp{number}", "control_plane": True, "components": server} for number in range(3)]
    workers = [
        {
            "name": f"w{number}",
            "components": {
                "kubelet": f"1.{33 + number % 2}.{number % 7}",
                **dict.fromkeys(("kube-proxy", "kubeadm", "kubectl"), "1.34.9"),
            },
            "runtime": "containerd",
            "runtime_version": "1.7.2",
            "cgroup": 2,
            "gates": {"kubelet": {"MemoryManager": True}},
        }
        for number in range(size - 3)
    ]
    return {"nodes": [*control_planes, *workers], "coredns": "1.12.1"}


def measure(size: int) -> dict[str, float]:
    """Processor seconds for verdicts, road and table, and MiB at most, of this process."""
    judge = import_module(JUDGE)
    data = cluster(size)
    started = time.process_time()
    judge.judge_mapping(data, {"target": "1.36.3"}, date(2026, 11, 21)).as_dict()
    seconds = time.process_time() - started
    return {"seconds": seconds, "mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def in_a_process_of_its_own(size: int) -> dict[str, float]:
    """So that the memory of one size says nothing about the next."""
    environment = {**os.environ, "PYTHONPATH": str(paths.COLLECTIONS)}
    command = [sys.executable, "-m", "tests.benchmarks.version_skew", str(size)]
    done = subprocess.run(command, cwd=paths.ROOT, env=environment, capture_output=True, text=True, check=True)
    measured: dict[str, float] = json.loads(done.stdout)
    return measured


def main() -> None:
    """Print a line for each size, and fail beyond the limits, which are those of 5,000 nodes."""
    over = False
    for size in NODES:
        found = in_a_process_of_its_own(size)
        each = 1e6 * found["seconds"] / size
        print(f"version_skew {size:>6} nodes {found['seconds']:6.2f} s {each:6.0f} us a node {found['mib']:5.0f} MiB")
        over |= size == LIMIT_NODES and (found["seconds"] > LIMIT_SECONDS or found["mib"] > LIMIT_MIB)
    if over:
        sys.exit(f"version_skew: {LIMIT_NODES} nodes are over the limit of {LIMIT_SECONDS} s and {LIMIT_MIB} MiB")


if __name__ == "__main__":
    print(json.dumps(measure(int(sys.argv[1]))))
