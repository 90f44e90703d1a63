# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The version skew policy as rules over what runs (pure).

https://kubernetes.io/releases/version-skew-policy/ and, for kubeadm itself,
https://kubernetes.io/docs/setup/production-environment/tools/kubeadm/create-cluster-kubeadm/#version-skew-policy
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from .._inventory.finding import ERROR, WARNING, Finding
from .model import (
    APISERVER,
    CLOUD_CONTROLLER_MANAGER,
    CONTROLLER_MANAGER,
    KUBE_PROXY,
    KUBEADM,
    KUBECTL,
    KUBELET,
    SCHEDULER,
    Node,
    Observation,
)
from .verdict import Verdict, verdict
from .version import KubeVersion, Minor

POLICY = "https://kubernetes.io/releases/version-skew-policy/"
KUBEADM_POLICY = (
    "https://kubernetes.io/docs/setup/production-environment/tools/kubeadm/create-cluster-kubeadm/#version-skew-policy"
)

CLIENTS = (CONTROLLER_MANAGER, SCHEDULER, CLOUD_CONTROLLER_MANAGER)
# Since this minor nodes may be three minors behind, before it two.
THREE_MINORS_SINCE = Minor(1, 25)


def behind_allowed(version: KubeVersion) -> int:
    """How many minors a kubelet or kube-proxy of that version may be older than an API server."""
    return 3 if version.line >= THREE_MINORS_SINCE else 2


def minors_behind(version: KubeVersion, reference: KubeVersion) -> int:
    """How many minors the version is older than the reference; negative where it is newer."""
    return (reference.major - version.major) * 1000 + reference.minor - version.minor


def verdicts(observed: Observation, catching_up: bool = False, target: KubeVersion | None = None) -> list[Verdict]:
    """One verdict for each rule of the policy, about the cluster as it runs.

    catching_up: the way goes to the version that the API servers have, so that kubelets too far
    behind are what it cures: a warning, where any other way has to refuse. target: the version wanted,
    to which no upgrade brings a kubectl outside the nodes.
    """
    late = WARNING if catching_up else ERROR
    servers = observed.versions(APISERVER)
    return [
        verdict(
            "skew.apiserver",
            "API servers are within one minor of each other",
            f"{POLICY}#kube-apiserver",
            _apiservers(observed, servers),
        ),
        verdict(
            "skew.kubelet",
            "kubelets are not newer than the API servers, and at most three minors older (two before 1.25)",
            f"{POLICY}#kubelet",
            _node_component(observed, KUBELET, servers, late),
        ),
        verdict(
            "skew.kube_proxy",
            "kube-proxies are not newer than the API servers, at most three minors older, and near their kubelet",
            f"{POLICY}#kube-proxy",
            (*_node_component(observed, KUBE_PROXY, servers, late), *_beside_kubelet(observed)),
        ),
        *(
            verdict(
                f"skew.{component.replace('-', '_').replace('kube_', '')}",
                f"{component} is not newer than the API servers it speaks to, and at most one minor older",
                f"{POLICY}#kube-controller-manager-kube-scheduler-and-cloud-controller-manager",
                _client(observed, component, servers),
            )
            for component in CLIENTS
        ),
        verdict(
            "skew.kubectl",
            "kubectl is within one minor of every API server",
            f"{POLICY}#kubectl",
            (*_kubectl(observed, servers), *_kubectl_afterwards(observed, servers, target)),
        ),
        verdict(
            "skew.kubeadm",
            "kubeadm fits the node it manages: the API server's minor or the next, no older than the kubelet",
            KUBEADM_POLICY,
            _kubeadm(observed),
        ),
    ]


def _apiservers(observed: Observation, servers: list[KubeVersion]) -> Iterator[Finding]:
    if servers and minors_behind(servers[0], servers[-1]) > 1:
        oldest = tuple(node.name for node, version in observed.running(APISERVER) if version == servers[0])
        yield Finding(
            "skew.apiserver",
            ERROR,
            f"kube-apiserver is {servers[0]} while another is {servers[-1]}, more than one minor apart",
            f"bring it to {servers[0].line.plus(1)} first, one minor at a time",
            oldest,
        )


def reach(node: Node, component: str, servers: list[KubeVersion]) -> list[KubeVersion]:
    """Versions of the API servers a component of a node may speak to, oldest first."""
    own = node.components.get(APISERVER)
    return [own] if own is not None and component in node.local else servers


def _past(rule: str, component: str, version: KubeVersion, server: KubeVersion) -> str:
    """The way out; an upgrade of the API servers is one, and this rule refuses it as it does any other."""
    upgrade = f"with plan_upgrade_skip: {{{rule}: reason}} upgrade every API server to {version} or newer"
    return f"put {component} {server} back, or {upgrade} (upgrade_cluster)"


def _node_component(observed: Observation, component: str, servers: list[KubeVersion], level: str) -> Iterator[Finding]:
    rule = f"skew.{component.replace('-', '_')}"
    for node, version in observed.running(component):
        spoken = reach(node, component, servers)
        if not spoken:
            continue
        if minors_behind(version, spoken[0]) < 0:
            fix = _past(rule, component, version, spoken[0])
            yield Finding(
                rule, ERROR, f"{component} {version} is newer than kube-apiserver {spoken[0]}", fix, (node.name,)
            )
        # What a node may be behind counts from the newest it can meet.
        elif minors_behind(version, spoken[-1]) > behind_allowed(version):
            late = minors_behind(version, spoken[-1])
            most = behind_allowed(version)
            message = (
                f"{component} {version} is {late} minors older than kube-apiserver {spoken[-1]}, {most} are allowed"
            )
            least = spoken[-1].line.plus(-most)
            fix = f"upgrade to {spoken[-1]} first, which drains and upgrades only what lags; {least} is the least"
            yield Finding(rule, level, message, fix, (node.name,))


def _beside_kubelet(observed: Observation) -> Iterator[Finding]:
    for node, version in observed.running(KUBE_PROXY):
        kubelet = node.components.get(KUBELET)
        if kubelet is not None and abs(minors_behind(version, kubelet)) > behind_allowed(version):
            message = f"kube-proxy {version} is too far from the kubelet {kubelet} beside it"
            yield Finding("skew.kube_proxy", ERROR, message, "upgrade the older of the two first", (node.name,))


def _client(observed: Observation, component: str, servers: list[KubeVersion]) -> Iterator[Finding]:
    rule = f"skew.{component.replace('-', '_').replace('kube_', '')}"
    for node, version in observed.running(component):
        spoken = reach(node, component, servers)
        if spoken and minors_behind(version, spoken[0]) < 0:
            fix = _past(rule, component, version, spoken[0])
            yield Finding(
                rule, ERROR, f"{component} {version} is newer than kube-apiserver {spoken[0]}", fix, (node.name,)
            )
        elif spoken and minors_behind(version, spoken[-1]) > 1:
            message = f"{component} {version} is more than one minor older than kube-apiserver {spoken[-1]}"
            yield Finding(rule, ERROR, message, f"bring it to {spoken[-1].line}", (node.name,))


def _kubectl(observed: Observation, servers: list[KubeVersion]) -> Iterator[Finding]:
    """Only a warning: a client out of range hurts its user, not the cluster."""
    places: Iterable[tuple[str, KubeVersion]] = [
        *((node.name, version) for node, version in observed.running(KUBECTL)),
        *observed.clients.items(),
    ]
    for place, version in places:
        far = [server for server in servers if abs(minors_behind(version, server)) > 1]
        if far:
            message = f"kubectl {version} is more than one minor from kube-apiserver {far[0]}"
            yield Finding("skew.kubectl", WARNING, message, f"use kubectl {far[0].line}", (place,))


def _kubectl_afterwards(
    observed: Observation, servers: list[KubeVersion], target: KubeVersion | None
) -> Iterator[Finding]:
    """The same of the version wanted, where no API server has its minor yet."""
    if target is None or target.line in [server.line for server in servers]:
        return
    for place, version in observed.clients.items():
        if abs(minors_behind(version, target)) > 1:
            message = f"kubectl {version} is more than one minor from the version wanted, {target}"
            fix = f"use kubectl {target.line} from the last hop on"
            yield Finding("skew.kubectl", WARNING, message, fix, (place,))


def _kubeadm(observed: Observation) -> Iterator[Finding]:
    """Only a warning: every hop installs the kubeadm it needs."""
    for node, version in observed.running(KUBEADM):
        server, kubelet = node.components.get(APISERVER), node.components.get(KUBELET)
        if server is not None and minors_behind(server, version) not in (0, 1):
            message = f"kubeadm {version} cannot manage kube-apiserver {server}"
            fix = f"install kubeadm {server.line} or {server.line.plus(1)}"
            yield Finding("skew.kubeadm", WARNING, message, fix, (node.name,))
        elif kubelet is not None and not 0 <= minors_behind(kubelet, version) <= 3:
            message = f"kubeadm {version} cannot manage kubelet {kubelet}"
            yield Finding("skew.kubeadm", WARNING, message, f"install kubeadm {kubelet.line}", (node.name,))
