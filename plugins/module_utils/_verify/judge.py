# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compares a cluster with its inventory. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from .._core.errors import KubeopsError
from .._etcd.model import Member
from .._inventory.finding import ERROR, WARNING, Finding, table
from .model import ETCD, Expected, Node, Observed, SeenNode

# The kubelet's words where nothing else is wrong; with several reasons they stand in a list.
NO_NETWORK = "KubeletNotReady: container runtime network not ready"


def judge(expected: Expected, observed: Observed) -> list[Finding]:
    """Everything that is not as the inventory says; empty for a healthy cluster."""
    return [
        *_nodes(expected, observed),
        *_components(expected, observed),
        *_apis(expected, observed),
        *(_etcd(expected, observed) if expected.stacked_etcd else ()),
        *_dns(expected, observed),
    ]


def awaits_network(expected: Expected, observed: Observed) -> bool:
    """Nodes have no pod network yet, and bringing it is not this collection's."""
    return not expected.pod_network and any(_lacks_network(seen) for seen in observed.nodes.values())


def _lacks_network(seen: SeenNode) -> bool:
    return not seen.ready.ready and seen.ready.reason.startswith(NO_NETWORK)


def unverified(expected: Expected, observed: Observed, network: str) -> list[str]:
    """Names of the required nodes whose pods were never seen to answer in this pod network."""
    known = {name for name, seen in observed.nodes.items() if seen.verified_network == network}
    return [node.name for node in expected.nodes if node.required and node.name not in known]


def error(findings: Iterable[Finding], what: str) -> KubeopsError:
    """The failure of a verification: a heading, and all findings with their evidence."""
    shown = list(findings)
    text = f"{what}, {len(shown)} finding{'s'[: len(shown) != 1]}:\n{table(shown)}"
    return KubeopsError(text, details={"findings": [finding.as_dict() for finding in shown]})


def errors(findings: Iterable[Finding]) -> list[Finding]:
    """Those that make a verification fail."""
    return [finding for finding in findings if finding.level == ERROR]


def finding(rule: str, node: Node | None, message: str, fix: str) -> Finding:
    """About one node (a warning where it is not required), or about the cluster as a whole."""
    level = ERROR if node is None or node.required else WARNING
    return Finding(rule, level, message, fix, (node.name,) if node else ("cluster",))


def _nodes(expected: Expected, observed: Observed) -> Iterator[Finding]:
    for node in expected.nodes:
        yield from _node(node, observed.nodes.get(node.name), expected)
    for name in sorted(set(observed.nodes) - {node.name for node in expected.nodes}):
        message = "is a node of the cluster, but not in the inventory"
        yield Finding("node_unknown", WARNING, message, "add it to the inventory, or remove it", (name,))


def _node(node: Node, seen: SeenNode | None, expected: Expected) -> Iterator[Finding]:
    version = expected.version
    if seen is None:
        yield finding("node_missing", node, "has no Node object", "run create_cluster.yml with this host")
        return
    if _lacks_network(seen) and not expected.pod_network:
        message = "is not Ready: it has no pod network yet, and kubeops_cni is none"
        yield Finding("node_not_ready", WARNING, message, "bring the pod network", (node.name,))
    elif not seen.ready.ready:
        fix = "on the node: journalctl -u kubelet; a missing pod network shows here too"
        yield finding("node_not_ready", node, f"is not Ready: {seen.ready.reason}", fix)
    for pressure in seen.pressures:
        yield Finding(
            "node_pressure", WARNING, f"takes no pods, {pressure}", "on the node: df -h; free -m", (node.name,)
        )
    if version and seen.version != version:
        fix = "run upgrade_cluster.yml, or correct kubeops_version"
        yield finding("node_version", node, f"kubelet is {seen.version}, wanted {version}", fix)


def _components(expected: Expected, observed: Observed) -> Iterator[Finding]:
    for node in expected.control_planes:
        for component in expected.components:
            seen = observed.pods.get((component, node.name))
            if seen is None or not seen.ready:
                reason = seen.reason if seen else "there is no such pod"
                fix = f"on the node: crictl ps -a --name {component}, and crictl logs of the last one"
                yield finding("component_not_ready", node, f"{component} is not ready: {reason}", fix)


def _apis(expected: Expected, observed: Observed) -> Iterator[Finding]:
    places = [(node, f"{bracket(node.address)}:{expected.api_port}") for node in expected.control_planes]
    endpoint: list[tuple[Node | None, str]] = [(None, expected.endpoint)] if expected.endpoint else []
    for node, address in [*places, *endpoint]:
        seen = observed.apis.get(address)
        if seen is None or not seen.ready.ready:
            reason = seen.ready.reason if seen else "not asked"
            fix = "look at the API server's log" if node else "look at the load balancer: systemctl status haproxy"
            yield finding("api_not_ready", node, f"https://{address}/readyz: {reason}", fix)
        elif expected.version and seen.version != expected.version:
            message = f"the API server at {address} is {seen.version}, wanted {expected.version}"
            yield finding("api_version", node, message, "run upgrade_cluster.yml, or correct kubeops_version")


def _etcd(expected: Expected, observed: Observed) -> Iterator[Finding]:
    if observed.members is None:
        yield finding("etcd_unreachable", None, f"no member list: {observed.etcd_error}", "look at etcd's log")
        return
    members = {member.name: member for member in observed.members}
    wanted = {node.name: node for node in expected.control_planes}
    for name, node in wanted.items():
        if name not in members:
            fix = "a control plane without a member adds nothing to quorum: join it again"
            yield finding("etcd_member_missing", node, "is not a member of etcd", fix)
    for name, member in members.items():
        yield from _member(wanted.get(name), member)


def _member(node: Node | None, member: Member) -> Iterator[Finding]:
    name = member.name or f"{member.id} (never started)"
    if node is None:
        fix = "remove it: it counts for quorum"
        yield finding("etcd_member_unknown", None, f"etcd member {name} is no control plane of the inventory", fix)
        return
    if not member.healthy:
        yield finding("etcd_member_unhealthy", node, "etcd does not answer, or reports errors", "look at etcd's log")
    if member.is_learner:
        fix = "it is promoted once it has caught up; join the node again if it stays so"
        yield finding("etcd_member_learner", node, f"{ETCD} is still a learner, without a vote", fix)


def _dns(expected: Expected, observed: Observed) -> Iterator[Finding]:
    if expected.dns and not observed.dns.ready:
        fix = "kubectl -n kube-system describe deployment coredns"
        level = WARNING if awaits_network(expected, observed) else ERROR
        yield Finding("dns_not_ready", level, f"CoreDNS: {observed.dns.reason}", fix, ("cluster",))


def bracket(address: str) -> str:
    """IPv6 addresses stand in brackets where a port follows."""
    return f"[{address}]" if ":" in address else address
