# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The legal road from what runs to the version wanted: hops of a minor each, and their steps (pure).

Order: https://kubernetes.io/releases/version-skew-policy/#supported-component-upgrade-order and
https://kubernetes.io/docs/tasks/administer-cluster/kubeadm/kubeadm-upgrade/
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .version import KubeVersion

MINOR = "minor"
PATCH = "patch"
CATCH_UP = "catch_up"

# Stages of a hop, in their order.
CONTROL_PLANE = "control_plane"
ADDONS = "addons"
KUBELETS = "kubelets"

# When workers are drained: at every hop, or as late as the skew policy lets them wait.
EVERY_HOP = "every_hop"
LAST_HOP = "last_hop"


@dataclass(frozen=True)
class Step:
    """One component of one node from one version to another, and why now.

    node is empty for addons, which the whole cluster has once. origin is None where
    nothing of the kind runs, or its version is not known.
    """

    stage: str
    node: str
    component: str
    origin: KubeVersion | None
    to: KubeVersion
    why: str

    def as_dict(self) -> dict[str, Any]:
        """Plain data; origin is called from."""
        return {
            "stage": self.stage,
            "node": self.node,
            "component": self.component,
            "from": str(self.origin) if self.origin else "",
            "to": str(self.to),
            "why": self.why,
        }


@dataclass(frozen=True)
class Hop:
    """All of the cluster to one version.

    Attributes:
        kind: minor, patch, or catch_up: the control plane has that version, and something lags behind.
        origin: oldest API server before it.
        to: what every node has after it (with LAST_HOP, kubelets of workers may stay behind).
        steps: in order. Steps of one stage and node belong together.
    """

    kind: str
    origin: KubeVersion
    to: KubeVersion
    steps: tuple[Step, ...] = ()

    def nodes(self, stage: str) -> tuple[str, ...]:
        """Nodes with something to do in a stage, in order; the first control plane runs kubeadm upgrade apply."""
        return tuple(dict.fromkeys(step.node for step in self.steps if step.stage == stage and step.node))

    def as_dict(self) -> dict[str, Any]:
        """Plain data, with the nodes of each stage."""
        return {
            "kind": self.kind,
            "from": str(self.origin),
            "to": str(self.to),
            "control_planes": list(self.nodes(CONTROL_PLANE)),
            "kubelets": list(self.nodes(KUBELETS)),
            "steps": [step.as_dict() for step in self.steps],
        }


@dataclass(frozen=True)
class Road:
    """Hops in order; none where everything runs the target already."""

    target: KubeVersion
    hops: tuple[Hop, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {"target": str(self.target), "hops": [hop.as_dict() for hop in self.hops]}
