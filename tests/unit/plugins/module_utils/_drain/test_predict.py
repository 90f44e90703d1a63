# SPDX-License-Identifier: GPL-3.0-or-later
"""Tables of what blocks a drain, and of what is done to a node."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.kubeops.cluster.plugins.module_utils._drain import model, plan, predict

NODES = tuple(model.Node(name) for name in ("w1", "w2"))
WEB = {"app": "web"}
NOTHING_ACCEPTED = predict.Accepted()


def web(node: str, name: str = "web-1", **changes: Any) -> model.Pod:
    return model.Pod(
        **{"namespace": "shop", "name": name, "node": node, "owner": "ReplicaSet/web", "labels": WEB, **changes}
    )


def budget(allowed: int, healthy: int, desired: int, expected: int, name: str = "web") -> model.Budget:
    return model.Budget("shop", name, {"matchLabels": WEB}, allowed, healthy, desired, expected)


def rules(found: list[predict.Blocker]) -> list[tuple[str, bool]]:
    return [(blocker.rule, blocker.passing) for blocker in found]


@pytest.mark.parametrize(
    ("pod", "budgets", "accepted", "expected"),
    [
        pytest.param(web("w1"), (), NOTHING_ACCEPTED, [], id="managed"),
        pytest.param(web("w1", owner=""), (), NOTHING_ACCEPTED, [(predict.UNMANAGED, False)], id="unmanaged"),
        pytest.param(web("w1", owner=""), (), predict.Accepted(unmanaged=True), [], id="unmanaged accepted"),
        pytest.param(web("w1", owner="", finished=True), (), NOTHING_ACCEPTED, [], id="unmanaged but finished"),
        pytest.param(web("w1", owner="", mirror=True), (), NOTHING_ACCEPTED, [], id="static pod"),
        pytest.param(
            web("w1", empty_dirs=("cache",)), (), NOTHING_ACCEPTED, [(predict.EMPTY_DIR, False)], id="emptyDir"
        ),
        pytest.param(
            web("w1", empty_dirs=("cache",)), (), predict.Accepted(empty_dir=True), [], id="emptyDir accepted"
        ),
        pytest.param(
            web("w1", owner="DaemonSet/agent", empty_dirs=("cache",)), (), NOTHING_ACCEPTED, [], id="DaemonSet stays"
        ),
        pytest.param(web("w2", owner=""), (), NOTHING_ACCEPTED, [], id="on a node that is not drained"),
        pytest.param(web("w1"), (budget(1, 2, 1, 2),), NOTHING_ACCEPTED, [], id="budget allows"),
        pytest.param(
            web("w1"), (budget(0, 2, 2, 2),), NOTHING_ACCEPTED, [(predict.DEADLOCK, False)], id="budget never allows"
        ),
        pytest.param(
            web("w1"), (budget(0, 1, 1, 2),), NOTHING_ACCEPTED, [(predict.DEADLOCK, True)], id="a replica is not ready"
        ),
        pytest.param(
            web("w1"),
            (budget(1, 2, 1, 2), budget(1, 2, 1, 2, "other")),
            NOTHING_ACCEPTED,
            [(predict.SEVERAL_BUDGETS, False)],
            id="two budgets",
        ),
        pytest.param(
            web("w1", namespace="other"), (budget(0, 2, 2, 2),), NOTHING_ACCEPTED, [], id="budget of another namespace"
        ),
    ],
)
def test_blockers_of_one_pod(
    pod: model.Pod, budgets: tuple[model.Budget, ...], accepted: predict.Accepted, expected: list[tuple[str, bool]]
) -> None:
    found = predict.blockers(predict.Seen(NODES, (pod,), budgets), [["w1"]], accepted)
    assert rules(found) == expected
    assert all(pod.key in blocker.evidence and "w1" in blocker.evidence and blocker.fix for blocker in found)


@pytest.mark.parametrize(
    ("batches", "third", "expected"),
    [
        ([["w1", "w2"]], None, [(predict.BATCH, False)]),
        ([["w1"], ["w2"]], None, []),
        ([["w1", "w2"]], model.Node("w3"), []),
        ([["w1", "w2"]], model.Node("w3", unschedulable=True), [(predict.BATCH, False)]),
        ([["w1", "w2"]], model.Node("w3", unschedulable=True, cordoned_by="upgrade_cluster"), []),
        ([["w1", "w2"]], model.Node("w3", tainted=True), [(predict.BATCH, False)]),
        ([["w1", "w2"]], model.Node("w3", ready=False), [(predict.BATCH, False)]),
    ],
)
def test_a_batch_may_not_take_all_places_from_a_budget(
    batches: list[list[str]], third: model.Node | None, expected: list[tuple[str, bool]]
) -> None:
    nodes = (*NODES, third) if third else NODES
    seen = predict.Seen(nodes, (web("w1"), web("w2", "web-2")), (budget(1, 2, 1, 2),))
    assert rules(predict.blockers(seen, batches, NOTHING_ACCEPTED)) == expected


def test_the_only_pod_of_a_workload_is_a_warning() -> None:
    pods = (web("w1"), web("w1", "db-0", owner="StatefulSet/db"), web("w2", "web-2"), web("w1", "run", owner="Job/run"))
    assert [text.partition(" ")[0] for text in predict.warnings(predict.Seen(NODES, pods), ["w1"])] == ["shop/db-0"]
    assert predict.warnings(predict.Seen(NODES, pods), ["w2"]) == []


@pytest.mark.parametrize(
    ("selector", "covered"),
    [
        ({}, True),
        ({"matchLabels": {"app": "db"}}, False),
        ({"matchExpressions": [{"key": "app", "operator": "In", "values": ["web"]}]}, True),
        ({"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["web"]}]}, False),
        ({"matchExpressions": [{"key": "tier", "operator": "NotIn", "values": ["web"]}]}, True),
        ({"matchExpressions": [{"key": "app", "operator": "Exists"}]}, True),
        ({"matchExpressions": [{"key": "app", "operator": "DoesNotExist"}]}, False),
    ],
)
def test_selectors(selector: dict[str, Any], covered: bool) -> None:
    assert model.Budget("shop", "b", selector).covers(web("w1")) is covered


@pytest.mark.parametrize(
    ("node", "pods", "actions"),
    [
        (model.Node("w1"), [web("w1")], ["cordon", "evict"]),
        (model.Node("w1"), [], ["cordon"]),
        (model.Node("w1", unschedulable=True), [web("w1")], ["evict"]),
        (model.Node("w1", unschedulable=True), [], []),
    ],
)
def test_drain(node: model.Node, pods: list[model.Pod], actions: list[str]) -> None:
    assert [step.action for step in plan.drain(node, pods).steps] == actions


@pytest.mark.parametrize(
    ("node", "changed"),
    [
        (model.Node("w1", unschedulable=True, cordoned_by="upgrade_cluster"), True),
        (model.Node("w1", unschedulable=True, cordoned_by="maintenance"), False),
        (model.Node("w1", unschedulable=True), False),
        (model.Node("w1"), False),
    ],
)
def test_only_our_own_cordon_is_lifted(node: model.Node, changed: bool) -> None:
    assert plan.uncordon(node, "upgrade_cluster").changed is changed


def test_objects_of_the_api() -> None:
    node = model.node(
        {
            "metadata": {"name": "w1", "annotations": {model.CORDONED_BY: "kubeops.cluster"}},
            "spec": {
                "unschedulable": True,
                "taints": [{"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}],
            },
            "status": {"conditions": [{"type": "Ready", "status": "True"}]},
        }
    )
    assert node == model.Node("w1", unschedulable=True, cordoned_by="kubeops.cluster")
    pod = model.pod(
        {
            "metadata": {
                "namespace": "shop",
                "name": "web-1",
                "uid": "u",
                "labels": WEB,
                "ownerReferences": [{"kind": "ReplicaSet", "name": "web", "controller": True}],
            },
            "spec": {"nodeName": "w1", "volumes": [{"name": "cache", "emptyDir": {}}, {"name": "c", "configMap": {}}]},
            "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]},
        }
    )
    assert pod == web("w1", uid="u", empty_dirs=("cache",))
