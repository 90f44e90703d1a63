# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole plan of an upgrade: verdicts, road, what it disturbs, and how it reads (pure)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from .._drain.predict import Accepted
from .._inventory.finding import ERROR
from .._version import judge, road
from .._version.model import ETCD, KUBELET
from .._version.verdict import Verdict
from .assemble import Seen, observation
from .gates import Limits, drain_gate, gates, gates_without_cluster, no_cluster, without_skipped

Batches = Sequence[Sequence[str]]


@dataclass(frozen=True)
class Pace:
    """Seconds that one node takes, for the estimate."""

    control_plane: float = 150.0
    kubelet: float = 60.0


def one_by_one(hop: road.Hop) -> Batches:
    """Every node is a batch of its own."""
    return [[name] for name in hop.nodes(road.KUBELETS)]


@dataclass(frozen=True)
class Options:
    """What the operator asks for.

    Attributes:
        skip: rule or family to the reason why it does not count.
        batches: nodes whose kubelet is upgraded at the same time, of one hop.
        accepted: what a drain may lose; None where nodes are not drained.
    """

    wishes: road.Wishes
    limits: Limits
    skip: Mapping[str, str]
    pace: Pace
    batches: Callable[[road.Hop], Batches] = one_by_one
    accepted: Accepted | None = None
    end_of_life: str = "warning"


@dataclass(frozen=True)
class UpgradePlan:
    """verdicts in order; disruption as disruption() gives it; diffs by node and component; support dates."""

    verdicts: tuple[Verdict, ...]
    road: road.Road
    disruption: Mapping[str, Any]
    diffs: Mapping[str, Mapping[str, str]]
    support: Mapping[str, str]

    @property
    def errors(self) -> list[Verdict]:
        """Verdicts that refuse the upgrade."""
        return [entry for entry in self.verdicts if entry.status == ERROR]

    def as_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "allowed": not self.errors,
            "verdicts": [entry.as_dict() for entry in self.verdicts],
            "road": self.road.as_dict(),
            "support": dict(self.support),
            "disruption": dict(self.disruption),
            "diffs": {node: dict(diffs) for node, diffs in self.diffs.items()},
            "table": table(self),
        }


def plan(seen: Seen, clients: Mapping[str, str], options: Options, today: date) -> UpgradePlan:
    """Judge everything and find the road. Raises ValueError for a version that is none."""
    observed, wishes = observation(seen, clients), options.wishes
    seen = seen if wishes.etcd else _without_etcd_drift(seen)
    judged = judge.judge(observed, today, wishes, wishes.catalogue, options.end_of_life)
    found = judged.road or road.Road(wishes.target)
    verdicts = [
        *judged.verdicts,
        *gates(seen, options.limits, wishes.target.line, _etcd_copies(found) if wishes.etcd else 0, not found.hops),
        *_drains(found, seen, options),
    ]
    return UpgradePlan(
        verdicts=tuple(without_skipped(verdicts, options.skip)),
        road=found,
        disruption=disruption(found, seen, options),
        diffs=_diffs(seen),
        support=judged.support,
    )


def _diffs(seen: Seen) -> dict[str, Mapping[str, str]]:
    kubelets = {name: seen.nodes[name]["kubelet_drift"] for name in seen.compared_kubelets}
    found = {
        name: {**facts["drift"], **({KUBELET: kubelets[name]} if kubelets.get(name) else {})}
        for name, facts in seen.nodes.items()
    }
    return {name: diffs for name, diffs in found.items() if diffs}


def _etcd_copies(found: road.Road) -> int:
    """A hop whose control plane is verified leaves the newest of kubeadm's copies only."""
    return min(2, sum(bool(hop.nodes(road.CONTROL_PLANE)) for hop in found.hops))


def _without_etcd_drift(seen: Seen) -> Seen:
    """etcd's manifest is not written again where etcd is not upgraded."""
    kept = {
        name: {**facts, "drift": {part: diff for part, diff in facts["drift"].items() if part != ETCD}}
        for name, facts in seen.nodes.items()
    }
    return replace(seen, nodes=kept)


def plan_without_cluster(seen: Seen, why: str, options: Options) -> UpgradePlan:
    """A refusal with what nodes say of themselves, expired certificates for instance. why: nothing else is known."""
    verdicts = without_skipped(gates_without_cluster(seen, options.limits), options.skip)
    wishes = options.wishes
    nowhere, support = road.Road(wishes.target), wishes.catalogue.support(wishes.target.line)
    return UpgradePlan((*verdicts, no_cluster(why)), nowhere, disruption(nowhere, seen, options), {}, support)


def _drains(found: road.Road, seen: Seen, options: Options) -> list[Verdict]:
    """Of all hops at once: nodes that are drained at several are judged once."""
    if options.accepted is None:
        return []
    batches = dict.fromkeys(tuple(batch) for hop in found.hops for batch in options.batches(hop))
    return [drain_gate(seen, list(batches), options.accepted)]


def disruption(found: road.Road, seen: Seen, options: Options) -> dict[str, Any]:
    """Restarts of API servers, drains, pods evicted, seconds, and APIs that go.

    Pods are counted where they run now: one that is evicted may meet the next drain as well.
    """
    servers = sum(len(hop.nodes(road.CONTROL_PLANE)) for hop in found.hops)
    drains = [node for hop in found.hops for node in hop.nodes(road.KUBELETS)]
    kubelets = sum(len(options.batches(hop)) for hop in found.hops) * options.pace.kubelet
    return {
        "api_server_restarts": servers,
        "nodes_drained": drains,
        "pods_evicted": sum(seen.cluster["evicted_pods"].get(node, 0) for node in drains),
        "seconds": round(servers * options.pace.control_plane + kubelets),
        "api_stops": servers > 0 and len(seen.control_planes) == 1,
        "apis_removed": [
            f"{api.kind} {api.group_version}"
            for hop in found.hops
            for api in options.wishes.catalogue.removals.apis_between(hop.origin.line, hop.to.line)
        ],
    }


def table(upgrade: UpgradePlan) -> str:
    """For people: every rule and gate, the road, the diffs, what it disturbs, and the conclusion."""
    lines = [judge.as_table(judge.Judgement(upgrade.verdicts, upgrade.road, upgrade.support))]
    for node, diffs in upgrade.diffs.items():
        lines += [f"\n{diff}" for diff in (f"On {node}:\n{text}" for text in diffs.values())]
    return "\n".join([*lines, "", *_disruption_lines(upgrade.disruption), "", _conclusion(upgrade)])


def _disruption_lines(found: Mapping[str, Any]) -> Sequence[str]:
    stops = " (the only one: the API stops meanwhile)" if found["api_stops"] else ""
    drains = len(found["nodes_drained"])
    lines = [
        "Estimated disruption",
        f"  API servers restarted, one at a time: {found['api_server_restarts']}{stops}",
        f"  Nodes drained: {drains}, pods evicted: {found['pods_evicted']}",
        f"  Time: about {max(1, round(found['seconds'] / 60))} min" if drains or stops else "  Time: none",
    ]
    if found["apis_removed"]:
        lines.append(f"  APIs no longer served: {', '.join(found['apis_removed'])}")
    return lines


def _conclusion(upgrade: UpgradePlan) -> str:
    if upgrade.errors:
        return f"Refused by {', '.join(entry.rule for entry in upgrade.errors)}. Nothing has been changed."
    if not upgrade.road.hops:
        return "Nothing to do."
    return "The upgrade may go ahead. Nothing has been changed."
