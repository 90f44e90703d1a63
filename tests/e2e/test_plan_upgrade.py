# SPDX-License-Identifier: GPL-3.0-or-later
"""plan_upgrade on a live cluster: it changes nothing, and refuses what a node really has."""

from __future__ import annotations

import json
from pathlib import Path

from .cluster import FULL_ONLY, Cluster

MANIFEST = "/etc/kubernetes/manifests/kube-apiserver.yaml"
DROP_IN = "/etc/systemd/system/kubelet.service.d/90-flag.conf"


def planned(cluster: Cluster, tmp_path: Path, **variables: object) -> dict[str, object]:
    dest = tmp_path / "plan.json"
    run = cluster.run(playbook="plan_upgrade", extra={"plan_upgrade_dest": str(dest), **variables})
    assert run.rc == 0, run.tail()
    assert not run.changed_hosts.keys() - {"cp1"}, "only the file on the controller is written"
    found: dict[str, object] = json.loads(dest.read_text())
    return found


def statuses(plan: dict[str, object]) -> dict[str, str]:
    verdicts = plan["verdicts"]
    assert isinstance(verdicts, list)
    return {entry["rule"]: entry["status"] for entry in verdicts}


def test_the_version_that_runs_is_no_road_and_no_refusal(cluster: Cluster, tmp_path: Path) -> None:
    plan = planned(cluster, tmp_path)
    assert plan["road"] == {"target": cluster.version, "hops": []}
    assert plan["allowed"], plan["table"]
    assert statuses(plan)["gate.drift"] == "ok"


@FULL_ONLY
def test_a_downgrade_and_a_manifest_changed_by_hand_are_refused_and_a_kubelet_is_named(
    cluster: Cluster, tmp_path: Path
) -> None:
    comment = "# changed by hand"
    changed = {"cp1": MANIFEST, "w1": "/var/lib/kubelet/config.yaml"}
    for node, file in changed.items():
        cluster.sh(node, f"echo '{comment}' >> {file}")
    try:
        plan = planned(cluster, tmp_path, kubeops_version="1.33.0")
    finally:
        for node, file in changed.items():
            cluster.sh(node, f"sed -i '/^{comment}/d' {file}")
    assert not plan["allowed"]
    assert {rule for rule, status in statuses(plan).items() if status == "error"} >= {"road", "gate.drift"}
    diffs = plan["diffs"]
    assert isinstance(diffs, dict) and diffs.keys() == changed.keys(), "what our own settings wrote is no drift"
    assert all(comment in str(diff) for diff in diffs.values())


@FULL_ONLY
def test_a_removed_flag_in_a_drop_in_of_the_kubelet_is_refused(cluster: Cluster, tmp_path: Path) -> None:
    """Unknown since 1.35. The kubelet is not restarted, so it goes on as it is."""
    text = "[Service]\\nEnvironment=KUBELET_EXTRA_ARGS=--pod-infra-container-image=x\\n"
    cluster.sh("w1", f"mkdir -p $(dirname {DROP_IN}); printf '{text}' > {DROP_IN} && systemctl daemon-reload")
    try:
        plan = planned(cluster, tmp_path)
    finally:
        cluster.sh("w1", f"rm {DROP_IN}; systemctl daemon-reload")
    assert statuses(plan)["removed.flags"] == "error", plan["table"]
