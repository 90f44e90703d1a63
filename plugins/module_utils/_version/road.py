# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The legal road from what runs to the version wanted: hops of a minor each, and their steps (pure).

Order: https://kubernetes.io/releases/version-skew-policy/#supported-component-upgrade-order and
https://kubernetes.io/docs/tasks/administer-cluster/kubeadm/kubeadm-upgrade/
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from typing import Any

from .._inventory.finding import ERROR, Finding
from .model import (
    APISERVER,
    CONTROLLER_MANAGER,
    COREDNS,
    ETCD,
    KUBE_PROXY,
    KUBEADM,
    KUBECTL,
    KUBELET,
    SCHEDULER,
    Node,
    Observation,
)
from .releases import KNOWN, Catalogue
from .skew import behind_allowed, minors_behind
from .version import KubeVersion, Minor

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


@dataclass(frozen=True)
class Bundled:
    """What kubeadm of a version runs beside Kubernetes; None where not known."""

    etcd: KubeVersion | None = None
    coredns: KubeVersion | None = None


@dataclass(frozen=True)
class Wishes:
    """How to go.

    Attributes:
        target: version wanted.
        available: versions that can be installed, for stops on the way; the catalogue's latest otherwise.
        workers: EVERY_HOP or LAST_HOP.
        bundled: exact versions beside Kubernetes by version of it, where known better than the catalogue.
        catalogue: release data.
        etcd: kubeadm upgrades a stacked etcd too.
    """

    target: KubeVersion
    available: tuple[KubeVersion, ...] = ()
    workers: str = EVERY_HOP
    bundled: Mapping[KubeVersion, Bundled] = field(default_factory=dict)
    catalogue: Catalogue = KNOWN
    etcd: bool = True


def build(observed: Observation, wishes: Wishes) -> Road:
    """The road from what runs; no hops where why_not() has something to say."""
    if why_not(observed, wishes):
        return Road(wishes.target)
    hops: list[Hop] = []
    for version in _stops(observed, wishes):
        hop = _hop(observed, version, wishes)
        if hop.steps:
            hops.append(hop)
            observed = after(observed, hop)
    return Road(wishes.target, tuple(hops))


def why_not(observed: Observation, wishes: Wishes) -> list[Finding]:
    """Why there is no legal road to the target: a downgrade, or a minor that cannot be stopped at."""
    servers = observed.versions(APISERVER)
    if not servers:
        return [_refusal("road.no_api_server", "no API server's version is known", "bring one control plane back")]
    return [
        *_downgrade(observed, wishes.target),
        *_unavailable(wishes),
        *_begun_unavailable(observed, wishes),
        *_skipped(servers, wishes),
    ]


def after(observed: Observation, hop: Hop) -> Observation:
    """The cluster after the hop."""
    nodes = {node.name: node for node in observed.nodes}
    coredns = observed.coredns
    for step in hop.steps:
        if step.node:
            nodes[step.node] = nodes[step.node].at(step.component, step.to)
        elif step.component == COREDNS:
            coredns = step.to
        else:
            nodes = {name: _with_proxy(node, step.to) for name, node in nodes.items()}
    return replace(observed, nodes=tuple(nodes.values()), coredns=coredns)


def _with_proxy(node: Node, version: KubeVersion) -> Node:
    return node.at(KUBE_PROXY, version) if KUBE_PROXY in node.components else node


def _refusal(rule: str, message: str, fix: str, hosts: tuple[str, ...] = ()) -> Finding:
    return Finding(rule, ERROR, message, fix, hosts, variable="kubeops_version")


def _downgrade(observed: Observation, target: KubeVersion) -> Iterator[Finding]:
    for component in (APISERVER, KUBELET):
        newer = [(node.name, version) for node, version in observed.running(component) if version > target]
        if newer:
            newest = max(version for _name, version in newer)
            message = f"{component} {newest} is newer than the version wanted, {target}: that would be a downgrade"
            fix = f"set kubeops_version: {newest}, or a newer one; the way back is a restored backup"
            yield _refusal("road.downgrade", message, fix, tuple(name for name, _version in newer))


def _unavailable(wishes: Wishes) -> Iterator[Finding]:
    if wishes.available and wishes.target not in wishes.available:
        listed = ", ".join(map(str, sorted(wishes.available)))
        message = f"{wishes.target} cannot be installed: available are {listed}"
        yield _refusal("road.unavailable", message, "use one of those, or add it to the bundle (build_bundle.yml)")


def _begun_unavailable(observed: Observation, wishes: Wishes) -> Iterator[Finding]:
    newest = observed.versions(APISERVER)[-1]
    if _is_begun(observed, wishes) and _end_of_begun(newest, wishes) is None:
        message = (
            f"a hop to {newest} was begun and has to be ended first, and neither {newest} nor a newer {newest.line} "
            "can be installed"
        )
        fix = f"make {newest} or a newer {newest.line} available (bundle, or plan_upgrade_available)"
        yield _refusal("road.begun_hop", message, fix)


def _skipped(servers: list[KubeVersion], wishes: Wishes) -> Iterator[Finding]:
    for minor in _between(servers[-1].line, wishes.target.line):
        if _stop(minor, wishes) is None:
            message = (
                f"the road from {servers[-1]} to {wishes.target} has to stop at {minor}, and no {minor} is available"
            )
            fix = f"make a {minor} release available (bundle or repository); a minor cannot be skipped"
            yield _refusal("road.minor_skipped", message, fix)


def _between(origin: Minor, target: Minor) -> list[Minor]:
    """Minors on the way, both ends left out."""
    return [origin.plus(step) for step in range(1, target.minor - origin.minor)]


def _stop(minor: Minor, wishes: Wishes) -> KubeVersion | None:
    """The newest release of a minor that can be installed."""
    if wishes.available:
        return max((version for version in wishes.available if version.line == minor), default=None)
    known = wishes.catalogue.release(minor)
    return KubeVersion.parse(known.latest) if known and known.latest else None


def _stops(observed: Observation, wishes: Wishes) -> list[KubeVersion]:
    """Versions of the hops: what a begun hop was going to, the minors between, the target."""
    servers = observed.versions(APISERVER)
    newest, target = servers[-1], wishes.target
    stops = [stop for stop in (_stop(minor, wishes) for minor in _between(newest.line, target.line)) if stop]
    begun = _end_of_begun(newest, wishes) if _is_begun(observed, wishes) else None
    return [*([begun] if begun else []), *stops, target]


def _is_begun(observed: Observation, wishes: Wishes) -> bool:
    newest = observed.versions(APISERVER)[-1]
    return newest.line < wishes.target.line and _lags(observed, newest, wishes)


def _end_of_begun(newest: KubeVersion, wishes: Wishes) -> KubeVersion | None:
    """Where it was going, or the newest patch of that minor where that version can't be installed any more."""
    if not wishes.available or newest in wishes.available:
        return newest
    later = (version for version in wishes.available if version.line == newest.line and version > newest)
    return max(later, default=None)


def _lags(observed: Observation, newest: KubeVersion, wishes: Wishes) -> bool:
    """Something is a minor behind the newest API server, so that a hop was begun and did not end."""
    parts = (APISERVER, CONTROLLER_MANAGER, SCHEDULER, *((KUBELET,) if wishes.workers == EVERY_HOP else ()))
    if any(version.line < newest.line for part in parts for version in observed.versions(part)):
        return True
    # With the next minor these kubelets would be further behind than they may.
    return any(minors_behind(version, newest) + 1 > behind_allowed(version) for version in observed.versions(KUBELET))


def _hop(observed: Observation, version: KubeVersion, wishes: Wishes) -> Hop:
    origin = observed.versions(APISERVER)[0]
    bundled = _touched(_bundled(version, wishes), observed, wishes)
    control_plane = tuple(_control_plane(observed, version, bundled))
    has_kubeadm = {step.node for step in control_plane}
    steps = (
        *control_plane,
        *_addons(observed, version, bundled),
        *(step for step in _kubelets(observed, version, wishes) if not _again(step, has_kubeadm)),
    )
    kind = MINOR if origin.line < version.line else PATCH if origin < version else CATCH_UP
    return Hop(kind, origin, version, steps)


def _again(step: Step, has_kubeadm: Set[str]) -> bool:
    """kubeadm is there since the control plane's part."""
    return step.component == KUBEADM and step.node in has_kubeadm


def _bundled(version: KubeVersion, wishes: Wishes) -> Bundled:
    """The catalogue knows them for the newest patch only; others of its minor may bring older ones."""
    known = wishes.bundled.get(version)
    if known is not None:
        return known
    release = wishes.catalogue.release(version.line)
    if release is None or release.latest != str(version):
        return Bundled()
    texts = (release.bundled_etcd, release.coredns)
    return Bundled(*(KubeVersion.parse(text) if text else None for text in texts))


def _touched(bundled: Bundled, observed: Observation, wishes: Wishes) -> Bundled:
    """Without what the cluster's configuration, or the operator, keeps as it is."""
    etcd = bundled.etcd if wishes.etcd and not observed.etcd_pinned else None
    return Bundled(etcd, None if observed.coredns_pinned else bundled.coredns)


def order(control_planes: Sequence[Node], version: KubeVersion) -> list[Node]:
    """Those that are done already, then the others; the leader of etcd last, so that it moves once."""
    return sorted(control_planes, key=lambda node: (node.components.get(APISERVER) != version, node.etcd_leader))


def _control_plane(observed: Observation, version: KubeVersion, bundled: Bundled) -> Iterator[Step]:
    for node in order(observed.control_planes, version):
        parts = list(_static_pods(node, version, bundled))
        if parts:
            yield from _upgraded(CONTROL_PLANE, node, KUBEADM, version, "kubeadm upgrades to its own version only")
            yield from parts


def _static_pods(node: Node, version: KubeVersion, bundled: Bundled) -> Iterator[Step]:
    if bundled.etcd is not None:
        yield from _upgraded(CONTROL_PLANE, node, ETCD, bundled.etcd, f"kubeadm {version} brings it")
    yield from _upgraded(CONTROL_PLANE, node, APISERVER, version, "before everything that speaks to it")
    for component in (CONTROLLER_MANAGER, SCHEDULER):
        yield from _upgraded(CONTROL_PLANE, node, component, version, "after the API server it speaks to")


def _addons(observed: Observation, version: KubeVersion, bundled: Bundled) -> Iterator[Step]:
    proxies = observed.versions(KUBE_PROXY)
    if proxies and proxies[0] < version:
        yield Step(ADDONS, "", KUBE_PROXY, proxies[0], version, "after the last API server, on every node")
    if bundled.coredns is not None and observed.coredns is not None and observed.coredns < bundled.coredns:
        yield Step(ADDONS, "", COREDNS, observed.coredns, bundled.coredns, f"kubeadm {version} brings it")


def _kubelets(observed: Observation, version: KubeVersion, wishes: Wishes) -> Iterator[Step]:
    """After the last API server: a kubelet may not be newer than any it can meet."""
    last = version == wishes.target
    for node in (*order(observed.control_planes, version), *observed.workers):
        kubelet = node.components.get(KUBELET)
        waits = wishes.workers == LAST_HOP and not last and not _must_follow(kubelet, version)
        why = "after every API server; the node is drained for it"
        due = list(_upgraded(KUBELETS, node, KUBELET, version, why)) if node.control_plane or not waits else []
        # Nobody is evicted for a client: an old kubectl, perhaps not even ours, goes with the kubelet or stays.
        if due:
            yield from _upgraded(KUBELETS, node, KUBEADM, version, "it renews the kubelet's configuration")
            yield from due
            yield from _upgraded(KUBELETS, node, KUBECTL, version, "with the kubelet")


def _must_follow(kubelet: KubeVersion | None, version: KubeVersion) -> bool:
    """The next hop would leave this kubelet too far behind."""
    return kubelet is not None and minors_behind(kubelet, version) + 1 > behind_allowed(kubelet)


def _upgraded(stage: str, node: Node, component: str, version: KubeVersion, why: str) -> Iterator[Step]:
    """A step where the node has an older one."""
    present = node.components.get(component)
    if present is not None and present < version:
        yield Step(stage, node.name, component, present, version, why)
