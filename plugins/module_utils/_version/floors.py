# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a release asks of what stands below and beside it: support, etcd, runtime, cgroup, settings (pure)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from .._inventory.finding import ERROR, WARNING, Finding
from .model import APISERVER, ETCD, Node, Observation
from .releases import (
    CGROUP_V1_REFUSED_SINCE,
    CONTAINERD_2_REQUIRED_SINCE,
    CONTAINERD_2_WANTED_SINCE,
    KNOWN,
    Catalogue,
)
from .removals import FLAGS_SOURCE, GATES_SOURCE, Removals
from .verdict import Verdict, verdict
from .version import KubeVersion, Minor, numbers

DATES = "https://kubernetes.io/releases/patch-releases/"
ETCD_UPGRADE = "https://etcd.io/docs/v3.6/upgrades/upgrade_3_6/"
CGROUP_KEP = "https://kep.k8s.io/5573"
RUNTIME_KEP = "https://kep.k8s.io/4033"

# https://etcd.io/docs/v3.5/op-guide/data_corruption/
CORRUPTING_ETCD = ((3, 5, 0), (3, 5, 2))
# Below the first an upgrade to 3.6 can fail; the second has all known fixes for one.
ETCD_35_FOR_36 = (3, 5, 20)
ETCD_35_ADVISED = (3, 5, 32)


def verdicts(
    observed: Observation,
    target: KubeVersion,
    today: date,
    catalogue: Catalogue = KNOWN,
    end_of_life: str = WARNING,
    etcd_stays: bool = False,
) -> list[Verdict]:
    """One verdict for each rule, about the version wanted on what runs.

    end_of_life is the level (warning or error) of a version without support. etcd_stays: a stacked
    etcd is not upgraded.
    """
    line = target.line
    return [
        verdict("support", "the version gets fixes", DATES, _support(target, today, catalogue, end_of_life)),
        verdict(
            "floor.etcd", "etcd can be upgraded, and is new enough", ETCD_UPGRADE, _etcd(observed, line, catalogue)
        ),
        verdict("floor.container_runtime", "the runtime answers RuntimeConfig", RUNTIME_KEP, _runtime(observed, line)),
        verdict(
            "floor.cgroup", "nodes are on cgroup v2, or say that they accept v1", CGROUP_KEP, _cgroup(observed, line)
        ),
        verdict(
            "removed.flags",
            "no component is given a flag that the target lacks",
            FLAGS_SOURCE,
            _flags(observed, line, catalogue.removals, etcd_stays or observed.etcd_pinned),
        ),
        verdict(
            "removed.feature_gates",
            "no feature gate is removed or locked",
            GATES_SOURCE,
            _gates(observed, line, catalogue.removals),
        ),
    ]


def _support(target: KubeVersion, today: date, catalogue: Catalogue, level: str) -> Iterator[Finding]:
    known = catalogue.release(target.line)
    if known is None and target.line > catalogue.newest:
        newest = f"{catalogue.newest}, the newest known on {catalogue.as_of}"
        message = f"{target.line} is newer than {newest}; its rules are taken to hold"
        yield _about("support", WARNING, message, "give newer release data (plan_upgrade_release_data)")
    elif known is None or today > known.end_of_life:
        ended = f" since {known.end_of_life}" if known else ""
        listed = ", ".join(map(str, catalogue.supported(today))) or f"newer than {catalogue.newest}"
        yield _about("support", level, f"{target.line} gets no more fixes{ended}", f"upgrade to {listed}")
    elif today > known.maintenance:
        message = f"{target.line} gets security fixes only, until {known.end_of_life}"
        yield _about("support", WARNING, message, "plan the next minor")


def _about(rule: str, level: str, message: str, fix: str) -> Finding:
    return Finding(rule, level, message, fix, variable="kubeops_version")


def _etcd(observed: Observation, line: Minor, catalogue: Catalogue) -> Iterator[Finding]:
    floor = catalogue.floors(line)
    external = [(place, version, floor.etcd) for place, version in observed.external_etcd.items()]
    # Any hop of the road may bring it, and of the newest minors it may not be known.
    brought = (numbers(release.bundled_etcd) for release in catalogue.releases if release.minor <= line)
    goes_to = max((version for version in brought if version), default=catalogue.releases[0].etcd)
    stacked = [(node.name, version, ()) for node, version in observed.running(ETCD)]
    for place, version, least in (*external, *stacked):
        yield from _member(place, (version.major, version.minor, version.patch), least, goes_to)


def _member(
    place: str, version: tuple[int, ...], least: tuple[int, ...], goes_to: tuple[int, ...]
) -> Iterator[Finding]:
    seen = _dotted(version)
    if CORRUPTING_ETCD[0] <= version <= CORRUPTING_ETCD[1]:
        fix = f"upgrade etcd to {_dotted(ETCD_35_ADVISED)} within 3.5 first, after comparing its members' hashes"
        yield Finding("floor.etcd", ERROR, f"etcd {seen} can corrupt its data (3.5.0 to 3.5.2 do)", fix, (place,))
    elif version < least:
        fix = f"upgrade etcd to {_dotted(least)} or newer first"
        yield Finding(
            "floor.etcd", ERROR, f"etcd {seen} is older than {_dotted(least)}, which kubeadm asks for", fix, (place,)
        )
    elif version[:2] < (3, 5) <= goes_to[:2]:
        fix = "upgrade etcd one minor at a time, through 3.5"
        yield Finding("floor.etcd", ERROR, f"etcd {seen} is more than one minor from {_dotted(goes_to)}", fix, (place,))
    elif version[:2] == (3, 5) and not least and goes_to[:2] > (3, 5) and version < ETCD_35_ADVISED:
        hard = version < ETCD_35_FOR_36
        what = "fails to upgrade to 3.6" if hard else "lacks fixes for the upgrade to 3.6"
        fix = f"upgrade etcd to {_dotted(ETCD_35_ADVISED)} first"
        yield Finding("floor.etcd", ERROR if hard else WARNING, f"etcd {seen} {what}", fix, (place,))


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))


def _runtime(observed: Observation, line: Minor) -> Iterator[Finding]:
    for node in observed.nodes:
        if node.runtime != "containerd" or (numbers(node.runtime_version) or (2,)) >= (2,):
            continue
        required = line >= CONTAINERD_2_REQUIRED_SINCE
        if required or line >= CONTAINERD_2_WANTED_SINCE:
            says = "refuses it" if required else f"warns about it, and {CONTAINERD_2_REQUIRED_SINCE} refuses it"
            message = f"containerd {node.runtime_version} does not answer RuntimeConfig; kubelet {line} {says}"
            level = ERROR if required else WARNING
            yield Finding(
                "floor.container_runtime",
                level,
                message,
                "bring containerd 2 first: kubeops_container_runtime_version, docs/upgrades.md",
                (node.name,),
            )


def _cgroup(observed: Observation, line: Minor) -> Iterator[Finding]:
    for node in observed.nodes:
        if node.cgroup == 1 and line >= CGROUP_V1_REFUSED_SINCE:
            level = WARNING if node.cgroup_v1_accepted else ERROR
            fix = "boot the node with cgroup v2, or set failCgroupV1: false in kubeops_kubelet_config"
            message = f"is on cgroup v1, with which kubelet {line} does not start unless it is told to"
            yield Finding("floor.cgroup", level, message, fix, (node.name,))


def _flags(observed: Observation, line: Minor, removals: Removals, etcd_stays: bool) -> Iterator[Finding]:
    for node in observed.nodes:
        for component, flags in node.flags.items():
            for flag in flags if component != ETCD or not etcd_stays else ():
                yield from _removed("removed.flags", node, component, removals.why_not_flag(component, flag, line))
    if line > removals.known_up_to:
        yield _unknown("removed.flags", line, removals.known_up_to)


def _gates(observed: Observation, line: Minor, removals: Removals) -> Iterator[Finding]:
    for node in observed.nodes:
        for component, gates in node.gates.items():
            for gate, value in gates.items():
                yield from _removed("removed.feature_gates", node, component, removals.why_not_gate(gate, value, line))
    if line > removals.known_up_to:
        yield _unknown("removed.feature_gates", line, removals.known_up_to)


def _removed(rule: str, node: Node, component: str, reason: str) -> Iterator[Finding]:
    if reason:
        fix = f"take it out of {component}'s settings with create_cluster.yml before the upgrade"
        if component == APISERVER:
            fix += " (kubeops_api_server_extra_args, kubeops_feature_gates)"
        yield Finding(rule, ERROR, f"{component}: {reason}, and it would not start", fix, (node.name,))


def _unknown(rule: str, line: Minor, known_up_to: Minor) -> Finding:
    message = f"what {line} removed is not known here (known up to {known_up_to})"
    return Finding(rule, WARNING, message, f"read the changelog of {line} for flags and feature gates you set")
