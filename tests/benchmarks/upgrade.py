# SPDX-License-Identifier: GPL-3.0-or-later
"""upgrade_cluster.yml through every minor of the bundle, beside a plain shell script with the bare steps.

Also plan_upgrade.yml on the five nodes beside the same on a cluster of one node.

Environment:
  KUBEOPS_E2E_UPGRADE  where the road starts (default: the oldest version of the bundle)
"""

from __future__ import annotations

import os

from tests.e2e.cluster import FIVE_NODES, Cluster, PlaybookRun
from tests.e2e.conftest import bundle_versions, why_not

from .nodes import FIVE_NAMES, fresh, script_nodes, script_seconds
from .table import Row, render

PLANS = 3


def road() -> list[str]:
    """Versions from where the road starts to the newest of the bundle."""
    versions = bundle_versions()
    return versions[versions.index(os.environ.get("KUBEOPS_E2E_UPGRADE") or versions[0]) :]


def passed(run: PlaybookRun) -> PlaybookRun:
    if run.rc:
        raise RuntimeError(run.tail())
    return run


def plan_seconds(cluster: Cluster, target: str) -> list[float]:
    return [
        passed(cluster.run(playbook="plan_upgrade", extra={"kubeops_version": target})).seconds for __ in range(PLANS)
    ]


def main() -> None:
    reason = why_not() or ("" if len(road()) > 1 else "the bundle has one version only")
    if reason:
        print(f"upgrade: skipped, {reason}")
        return
    start, *hops = road()
    single = fresh(start, "cp1:control_plane").created()
    plan_of_one = plan_seconds(single, hops[0])

    bare = fresh(start, FIVE_NODES).created()
    plan_of_five = plan_seconds(bare, hops[0])
    settings = {
        **script_nodes(bare),
        "VERSIONS": " ".join(hops),
        "IGNORE_PREFLIGHT": ",".join(bare.inventory_vars().get("kubeops_ignore_preflight", [])) or "none",
    }
    script, images = script_seconds("upgrade.sh", settings, apart="images of ")
    Cluster(bare.lab_id, hops[-1]).assert_healthy(FIVE_NAMES)

    cluster = fresh(start, FIVE_NODES).created()
    # Time is what is measured: what clients saw is printed, and stops nothing.
    wanted = {"kubeops_version": hops[-1], "upgrade_cluster_error_budget": -1}
    run = passed(cluster.run(playbook="upgrade_cluster", extra=wanted))
    print("\n".join(line for line in run.output.splitlines() if "The API during this run" in line))
    cluster.remove()
    rows = [
        # The measure is what kubeadm, drains and kubelets take; the playbook counts as a whole, with its prefetch.
        Row("shell script, bare steps without images", [script - images]),
        Row("shell script, its images", [images]),
        Row("upgrade_cluster.yml, planned to verified", [run.seconds], goal=1.3),
    ]
    print(render(f"upgrade ({' to '.join([start, *hops])}, 3 control planes + 2 workers, seconds)", rows))
    rows = [Row("plan_upgrade.yml, one node", plan_of_one), Row("plan_upgrade.yml, five nodes", plan_of_five)]
    print(render(f"plan ({start} to {hops[0]}, seconds)", rows))
