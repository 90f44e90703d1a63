# SPDX-License-Identifier: GPL-3.0-or-later
"""Labels and taints: ours are set and taken off, others' stay."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.kubeops.cluster.plugins.module_utils._kubeadm import metadata

OTHER = {"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"}
KUBEADMS = {"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"}
MINE = {"key": "dedicated", "value": "db", "effect": "NoSchedule"}


def node(present: dict[str, str] | None = None, on: list[Any] | None = None, **annotations: str) -> dict[str, Any]:
    names = {"labels": metadata.LABELS_ANNOTATION, "taints": metadata.TAINTS_ANNOTATION}
    found = {"labels": present or {}, "annotations": {names[key]: text for key, text in annotations.items()}}
    return {"metadata": found, "spec": {"taints": on or []}}


@pytest.mark.parametrize(
    ("present", "labels", "taints", "expected"),
    [
        pytest.param(node(), {}, [], {}, id="nothing wanted, nothing set"),
        pytest.param(node({"os": "linux"}, [OTHER]), {}, [], {}, id="others stay"),
        pytest.param(
            node(),
            {"zone": "a", "size": 3},
            [],
            {
                "metadata": {
                    "labels": {"zone": "a", "size": "3"},
                    "annotations": {metadata.LABELS_ANNOTATION: '["size", "zone"]'},
                }
            },
            id="new labels",
        ),
        pytest.param(node({"zone": "a"}, labels='["zone"]'), {"zone": "a"}, [], {}, id="set already"),
        pytest.param(
            node({"zone": "a", "os": "linux"}, labels='["zone"]'),
            {},
            [],
            {"metadata": {"labels": {"zone": None}, "annotations": {metadata.LABELS_ANNOTATION: None}}},
            id="ours is taken off",
        ),
        pytest.param(
            node(on=[OTHER]),
            {},
            [MINE],
            {
                "metadata": {"annotations": {metadata.TAINTS_ANNOTATION: '["dedicated:NoSchedule"]'}},
                "spec": {"taints": [OTHER, MINE]},
            },
            id="taint beside others",
        ),
        pytest.param(
            {
                "metadata": {"annotations": {metadata.TAINTS_ANNOTATION: '["dedicated:NoSchedule"]'}},
                "spec": {"taints": [OTHER, MINE]},
            },
            {},
            [],
            {"metadata": {"annotations": {metadata.TAINTS_ANNOTATION: None}}, "spec": {"taints": [OTHER]}},
            id="our taint is taken off",
        ),
    ],
)
def test_patch(present: dict[str, Any], labels: dict[str, Any], taints: list[Any], expected: dict[str, Any]) -> None:
    assert metadata.patch(present, labels, taints) == expected


@pytest.mark.parametrize(
    ("taints", "left"),
    [
        pytest.param(None, [KUBEADMS, OTHER], id="no list was given"),
        pytest.param([], [OTHER], id="an empty list"),
        pytest.param([MINE], [OTHER, MINE], id="a list without it"),
        pytest.param([KUBEADMS, MINE], [OTHER, KUBEADMS, MINE], id="a list with it"),
    ],
)
def test_kubeadms_taint_of_control_planes_goes_by_a_list(taints: list[Any] | None, left: list[Any]) -> None:
    change = metadata.patch(node(on=[KUBEADMS, OTHER]), {}, taints)
    assert change.get("spec", {"taints": [KUBEADMS, OTHER]})["taints"] == left


def test_diff_shows_the_result() -> None:
    present = node({"zone": "a", "os": "linux"}, labels='["zone"]')
    change = metadata.patch(present, {"tier": "x"}, [MINE])
    assert metadata.applied(present, change) == {
        "labels": {"os": "linux", "tier": "x"},
        "taints": ["dedicated=db:NoSchedule"],
    }
