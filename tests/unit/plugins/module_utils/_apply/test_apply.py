# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.kubeops.cluster.plugins.module_utils._apply import objects, plan


def item(kind: str, name: str, namespace: str = "", api: str = "v1", **more: Any) -> dict[str, Any]:
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    return {"apiVersion": api, "kind": kind, "metadata": metadata, **more}


NAMESPACE = item("Namespace", "net")
CONFIG = item("ConfigMap", "cfg", "net", data={"a": "1"})
DEFINITION = item(
    "CustomResourceDefinition",
    "pools.example.org",
    api="apiextensions.k8s.io/v1",
    spec={"group": "example.org", "names": {"kind": "Pool"}},
)
POOL = item("Pool", "default", api="example.org/v1")


def keyed(*items: objects.Object) -> dict[objects.Key, objects.Object]:
    return {objects.key(each): each for each in items}


def test_flatten_opens_lists_and_drops_empty_documents() -> None:
    listed = {"apiVersion": "v1", "kind": "List", "items": [CONFIG, {"kind": "PodList", "items": [POOL]}]}
    assert objects.flatten([None, {}, NAMESPACE, listed]) == [NAMESPACE, CONFIG, POOL]


@pytest.mark.parametrize("text", ["", "\n"])
def test_no_answer_is_no_object(text: str) -> None:
    assert objects.from_answer(text) == {}


def test_key_ignores_the_api_version_and_a_missing_namespace() -> None:
    assert objects.key(item("Pod", "a")) == objects.key(item("Pod", "a", "default"))
    assert objects.key(item("X", "a", api="g/v1")) == objects.key(item("X", "a", api="g/v1beta1"))


def test_comparable_leaves_out_what_the_server_writes() -> None:
    live = {**CONFIG, "metadata": {**CONFIG["metadata"], "uid": "u", "managedFields": [], "generation": 3}, "status": 1}
    assert objects.comparable(live) == CONFIG


@pytest.mark.parametrize(
    ("live", "judged"),
    [
        ([], [NAMESPACE, DEFINITION]),
        ([NAMESPACE], [NAMESPACE, CONFIG, DEFINITION]),
        ([NAMESPACE, DEFINITION], [NAMESPACE, CONFIG, DEFINITION, POOL]),
    ],
)
def test_dry_run_waits_for_namespaces_and_definitions(live: list[Any], judged: list[Any]) -> None:
    assert plan.ready_for_dry_run([NAMESPACE, CONFIG, DEFINITION, POOL], keyed(*live)) == judged


def test_plan_creates_updates_and_leaves_alone() -> None:
    changed = {**CONFIG, "data": {"a": "2"}}
    decided = plan.make([NAMESPACE, CONFIG, POOL], keyed(NAMESPACE, CONFIG), keyed(NAMESPACE, changed))
    assert [(step.action, step.target) for step in decided.steps] == [
        ("update", "ConfigMap net/cfg"),
        ("create", "Pool default"),
    ]
    assert '"a": "1"' in str(decided.before)
    assert '"a": "2"' in str(decided.after)


def test_defaults_of_the_server_are_no_change() -> None:
    stored = {**CONFIG, "immutable": False}
    assert not plan.make([CONFIG], keyed(stored), keyed(stored)).changed
