# SPDX-License-Identifier: GPL-3.0-or-later
"""What a plan is told of drains: only pods that matter, and nothing is lost on the way."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.kubeops.cluster.plugins.module_utils._drain import facts, predict

NODES = [{"metadata": {"name": name}, "status": {"conditions": [{"type": "Ready", "status": "True"}]}} for name in "ab"]
BUDGET = {
    "metadata": {"namespace": "shop", "name": "web"},
    "spec": {"selector": {"matchLabels": {"app": "web"}}},
    "status": {"disruptionsAllowed": 1, "currentHealthy": 2, "desiredHealthy": 1, "expectedPods": 2},
}


def pod(name: str, node: str, owner: str = "ReplicaSet", **more: Any) -> dict[str, Any]:
    owners = [{"kind": owner, "name": "x", "controller": True}] if owner else []
    volumes = [{"name": volume, "emptyDir": {}} for volume in more.get("empty_dirs", ())]
    labels = {"app": more.get("app", "other")}
    return {
        "metadata": {"namespace": "shop", "name": name, "ownerReferences": owners, "labels": labels},
        "spec": {"nodeName": node, "volumes": volumes},
        "status": {"phase": more.get("phase", "Running")},
    }


@pytest.mark.parametrize(
    ("item", "kept"),
    [
        (pod("plain", "a"), False),
        (pod("web", "a", app="web"), True),
        (pod("alone", "a", owner=""), True),
        (pod("alone", "a", owner="", phase="Succeeded"), False),
        (pod("cache", "a", empty_dirs=("tmp",)), True),
        (pod("agent", "a", owner="DaemonSet", empty_dirs=("tmp",), app="web"), False),
    ],
)
def test_only_pods_that_could_stop_a_drain(item: dict[str, Any], kept: bool) -> None:
    assert bool(facts.summary(NODES, [item], [BUDGET])["pods"]) is kept


def test_the_prediction_from_facts_is_that_of_the_objects() -> None:
    pods = [pod("web-1", "a", app="web"), pod("web-2", "b", app="web"), pod("cache", "b", empty_dirs=("tmp",))]
    seen = facts.seen(json.loads(json.dumps(facts.summary(NODES, pods, [BUDGET]))))
    found = predict.blockers(seen, [["a", "b"]], predict.Accepted())
    assert [blocker.rule for blocker in found] == [predict.EMPTY_DIR, predict.BATCH]
    assert predict.blockers(seen, [["a"], ["b"]], predict.Accepted(empty_dir=True)) == []
