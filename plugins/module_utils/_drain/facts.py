# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a drain is predicted from, as plain data, for a plan that is made elsewhere (pure)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from . import model
from .predict import Seen

Items = Iterable[Mapping[str, Any]]


def summary(nodes: Items, pods: Items, budgets: Items) -> dict[str, Any]:
    """From objects of the API: nodes, budgets, and of the pods only those that could stop a drain."""
    known = [model.budget(item) for item in budgets]
    found = [pod for pod in model.leaving([model.pod(item) for item in pods]) if not pod.finished]
    return {
        "nodes": [asdict(model.node(item)) for item in nodes],
        "pods": [asdict(pod) for pod in found if _matters(pod, known)],
        "budgets": [asdict(budget) for budget in known],
    }


def _matters(pod: model.Pod, budgets: Iterable[model.Budget]) -> bool:
    return not pod.owner or bool(pod.empty_dirs) or any(budget.covers(pod) for budget in budgets)


def seen(data: Mapping[str, Any]) -> Seen:
    """From what summary() made."""
    return Seen(
        nodes=tuple(model.Node(**entry) for entry in data["nodes"]),
        pods=tuple(model.Pod(**{**entry, "empty_dirs": tuple(entry["empty_dirs"])}) for entry in data["pods"]),
        budgets=tuple(model.Budget(**entry) for entry in data["budgets"]),
    )
