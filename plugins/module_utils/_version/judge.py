# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All rules about versions at once, and how they read (pure)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from .._inventory.finding import ERROR, WARNING, Finding, some, table
from . import floors, given, road, skew
from .model import APISERVER, Observation, observation_from_mapping
from .releases import KNOWN, Catalogue
from .verdict import Verdict, status_of, verdict
from .version import KubeVersion

WORKERS = (road.EVERY_HOP, road.LAST_HOP)
# Of judge_mapping.
OPTIONS = ("target", "available", "workers", "release_data", "end_of_life")
ORDER = f"{skew.POLICY}#supported-component-upgrade-order"


@dataclass(frozen=True)
class Judgement:
    """Verdicts in the order of the rules, and the road; no target, no road.

    support: dates of the minor wanted, or of the newest that runs, as Catalogue.support gives them.
    """

    verdicts: tuple[Verdict, ...]
    road: road.Road | None = None
    support: Mapping[str, str] = field(default_factory=dict)

    @property
    def findings(self) -> list[Finding]:
        """Of all verdicts."""
        return [finding for entry in self.verdicts for finding in entry.findings]

    def failing(self, level: str) -> list[Verdict]:
        """Verdicts that are at least that bad: error, or warning, or none for never."""
        bad = {ERROR: (ERROR,), WARNING: (ERROR, WARNING)}.get(level, ())
        return [entry for entry in self.verdicts if entry.status in bad]

    def as_dict(self) -> dict[str, Any]:
        """Plain data: status, verdicts, road, support, table."""
        return {
            "status": status_of(self.findings),
            "verdicts": [entry.as_dict() for entry in self.verdicts],
            "road": self.road.as_dict() if self.road else {},
            "support": dict(self.support),
            "table": as_table(self),
        }


def judge(
    observed: Observation,
    today: date,
    wishes: road.Wishes | None = None,
    catalogue: Catalogue = KNOWN,
    end_of_life: str = WARNING,
) -> Judgement:
    """The cluster as it runs, and, with a target, the way there."""
    newest = max(observed.versions(APISERVER), default=None)
    target = wishes.target if wishes else newest
    wanted = wishes.target if wishes else None
    rules = skew.verdicts(observed, catching_up=wanted is not None and wanted == newest, target=wanted)
    if target is not None:
        etcd_stays = wishes is not None and not wishes.etcd
        rules += floors.verdicts(observed, target, today, catalogue, end_of_life, etcd_stays)
    support = catalogue.support(target.line) if target is not None else {}
    if wishes is None:
        return Judgement(tuple(rules), support=support)
    refused = verdict("road", "there is a legal road to the version wanted", ORDER, road.why_not(observed, wishes))
    return Judgement((*rules, refused), road.build(observed, wishes), support)


def judge_mapping(data: Mapping[str, Any], options: Mapping[str, Any], today: date) -> Judgement:
    """From plain data as the module version_skew and the filter take it.

    options: of OPTIONS, all optional. Raises ValueError.
    """
    unknown = sorted(set(options) - set(OPTIONS))
    if unknown:
        raise ValueError(f"{unknown[0]!r} is no option; known are {', '.join(OPTIONS)}")
    catalogue = KNOWN.with_overrides(options.get("release_data") or {})
    target, workers = options.get("target"), given.choice("workers", options.get("workers"), WORKERS)
    wishes = None
    if target:
        wishes = road.Wishes(
            target=KubeVersion.parse(target),
            available=tuple(map(KubeVersion.parse, given.items("available", options.get("available")))),
            workers=workers,
            catalogue=catalogue,
        )
    level = given.choice("end_of_life", options.get("end_of_life"), (WARNING, ERROR))
    return judge(observation_from_mapping(data), today, wishes, catalogue, level)


def as_table(judgement: Judgement) -> str:
    """For people: a line for each rule, what is wrong below it, for how long the version gets fixes, and the road."""
    lines = [line for entry in judgement.verdicts for line in _rule(entry)]
    if judgement.support.get("released"):
        lines += ["", _support_line(judgement.support)]
    if judgement.road is not None:
        lines += ["", *road_lines(judgement.road)]
    return "\n".join(lines)


def _rule(entry: Verdict) -> Iterable[str]:
    yield f"{entry.status:<8} {entry.rule:<28} {entry.title}"
    if entry.reason:
        yield f"         Reason: {entry.reason}"
    if entry.findings:
        yield table(entry.findings)
        yield f"         Source: {entry.source}"


def _support_line(days: Mapping[str, str]) -> str:
    return (
        f"Support of {days['minor']}: released {days['released']}, security fixes only after {days['maintenance']}, "
        f"none after {days['end_of_life']} (as of {days['as_of']})"
    )


def road_lines(found: road.Road) -> list[str]:
    """The road, a line for each stage and set of equal steps."""
    if not found.hops:
        return [f"Road to {found.target}: no hops"]
    lines = [f"Road to {found.target}: {len(found.hops)} hop{'s'[: len(found.hops) != 1]}"]
    for number, hop in enumerate(found.hops, 1):
        lines.append(f"  {number}. {hop.kind} {hop.origin} -> {hop.to}")
        lines += [f"     {text}" for text in _stages(hop.steps)]
    return lines


def _stages(steps: Sequence[road.Step]) -> list[str]:
    """Nodes that go the same way stand on one line."""
    moves: dict[tuple[str, str], list[str]] = {}
    for step in steps:
        moves.setdefault((step.stage, step.node), []).append(f"{step.component} {step.origin} -> {step.to}")
    ways: dict[tuple[str, str], list[str]] = {}
    for (stage, node), texts in moves.items():
        ways.setdefault((stage, ", ".join(texts)), []).append(node or "cluster")
    return [f"{stage:<14} {some(nodes, 12)}: {way}" for (stage, way), nodes in ways.items()]
