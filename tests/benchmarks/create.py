# SPDX-License-Identifier: GPL-3.0-or-later
"""create_cluster.yml, fresh and as a no-op, beside a plain shell script with the same steps."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path

from tests.e2e.cluster import Cluster, PlaybookRun
from tests.e2e.conftest import wanted_versions, why_not

from .nodes import fresh, script_nodes, script_seconds
from .table import Row, render

ROUNDS = int(os.environ.get("KUBEOPS_BENCH_ROUNDS", "1"))
TASKS_GOAL = 40
KUBE_PROXY = {"apiVersion": "kubeproxy.config.k8s.io/v1alpha1", "kind": "KubeProxyConfiguration"}


def script_settings(cluster: Cluster) -> dict[str, str]:
    """What create.sh is told: the same nodes, bundle and node settings as the playbook."""
    variables = cluster.inventory_vars()
    settings = {
        **script_nodes(cluster),
        "VIP_ENDPOINT": str(variables["kubeops_endpoint"]),
        "KUBERNETES_VERSION": cluster.version,
        "CGROUP_DRIVER": str(variables.get("kubeops_cgroup_driver", "systemd")),
        "IGNORE_PREFLIGHT": ",".join(variables.get("kubeops_ignore_preflight", [])),
        "KUBE_PROXY": json.dumps({**KUBE_PROXY, **variables.get("kubeops_kube_proxy_config", {})}),
    }
    if settings["CGROUP_DRIVER"] == "cgroupfs":
        settings["FAIL_CGROUP_V1"] = "false"
    if "container_runtime_config_overrides" in variables:
        settings["RESTRICT_OOM"] = "true"
    return settings


def playbook(cluster: Cluster, stats: Path) -> PlaybookRun:
    os.environ["KUBEOPS_STAGE_TIMER_JSON"] = str(stats)
    run = cluster.run()
    if run.rc:
        raise RuntimeError(run.tail())
    return run


def executed_tasks(run: PlaybookRun) -> int:
    """Tasks the busiest host executed (skipped ones left out)."""
    return max(row["ok"] + row["failed"] for host, row in run.recap.items() if host != "localhost")


def main() -> None:
    reason = why_not()
    if reason:
        print(f"create: skipped, {reason}")
        return
    version = wanted_versions()[-1]
    script, create, noop, tasks = [], [], [], []
    with tempfile.TemporaryDirectory() as scratch:
        stats = Path(scratch, "stats.json")
        for __ in range(ROUNDS):
            script.append(script_seconds("create.sh", script_settings(fresh(version)))[0])
            cluster = fresh(version)
            create.append(playbook(cluster, stats).seconds)
            quiet = playbook(cluster, stats)
            if quiet.changed_hosts:
                raise RuntimeError(f"the no-op run changed {sorted(quiet.changed_tasks)}")
            noop.append(quiet.seconds)
            tasks.append(executed_tasks(quiet))
            if stats.is_file():
                print(json.dumps(json.loads(stats.read_text()), indent=2))
            cluster.remove()
    rows = [
        Row("shell script, bare nodes to Ready", script),
        Row("create_cluster.yml, bare nodes to verified", create, goal=1.5),
        Row("create_cluster.yml, nothing to do", noop, goal=0.6),
    ]
    print(render(f"create (Kubernetes {version}, 3 control planes + 2 workers, seconds)", rows))
    verdict = "met" if max(tasks) <= TASKS_GOAL else "MISSED"
    print(f"  executed tasks per host in the no-op run: {max(tasks)} (goal <= {TASKS_GOAL}: {verdict})")
