# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules about nodes beside each other, and the paths between them (pure)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from .._inventory.finding import ERROR, WARNING, Finding, some
from .._inventory.model import pairs
from .model import Facts, Observed, Thresholds, section

CUT_OFF = ("filtered", "unreachable")


def unreachable(observed: Observed, __: Thresholds) -> Iterator[Finding]:
    """Hosts of the play that did not answer.

    A first control plane is not built without one of its members, nor without any load balancer: its own
    kubelet would reach it by the endpoint.
    """
    if not observed.unreachable:
        return
    needed = {*observed.inventory.control_planes, *observed.inventory.group("etcd")}
    balancers = {*filter(observed.inventory.balances, observed.inventory.load_balancers)}
    if balancers <= {*observed.unreachable}:
        needed |= balancers
    missing = [host for host in observed.unreachable if host in needed]
    fatal = bool(missing) and not observed.cluster_exists
    message = "Ansible could not reach the host, so nothing will be done there"
    if fatal:
        message = (
            f"Ansible could not reach the host, and the first control plane shall not begin without {some(missing)}"
        )
    yield Finding(
        "hosts.unreachable",
        ERROR if fatal else WARNING,
        message,
        "start the host or correct ansible_host and the SSH settings; --limit leaves it out on purpose",
        hosts=observed.unreachable,
    )


def identities(observed: Observed, __: Thresholds) -> Iterator[Finding]:
    """Cloned machines: kubelets and the pod network tell nodes apart by these.

    https://kubernetes.io/docs/setup/production-environment/tools/kubeadm/install-kubeadm/
    """
    for rule, label, read, fix in IDENTITIES:
        owners: dict[str, list[str]] = {}
        for host, facts in observed.machines():
            value = read(observed, host, facts)
            if value:
                owners.setdefault(value, []).append(host)
        for value, hosts in owners.items():
            if len(hosts) > 1:
                message = f"{some(hosts)} have the same {label}: {value}"
                yield Finding(rule, ERROR, message, fix, hosts=tuple(hosts))


def _hostname(observed: Observed, host: str, facts: Facts) -> str:
    return str(facts.get("hostname") or "")


def _machine_id(observed: Observed, host: str, facts: Facts) -> str:
    return str(facts.get("machine_id") or "")


def _product_uuid(observed: Observed, host: str, facts: Facts) -> str:
    """System containers share their machine's."""
    return "" if facts.get("container") else str(facts.get("product_uuid") or "")


def _mac(observed: Observed, host: str, facts: Facts) -> str:
    """Of the interface that carries the node's address."""
    own = observed.inventory.node_ips(host)
    entries = facts.get("addresses") or ()
    return next((str(entry["mac"]) for entry in entries if entry["address"] in own), "")


Reader = Callable[[Observed, str, Facts], str]
IDENTITIES: tuple[tuple[str, str, Reader, str], ...] = (
    ("nodes.hostname", "host name", _hostname, "hostnamectl set-hostname, one name for each"),
    (
        "nodes.machine_id",
        "machine-id",
        _machine_id,
        "systemd-machine-id-setup on an emptied /etc/machine-id, then reboot",
    ),
    ("nodes.product_uuid", "product_uuid", _product_uuid, "give each virtual machine a UUID of its own"),
    ("nodes.mac", "MAC address", _mac, "give each virtual machine a MAC address of its own"),
)


def time_offsets(observed: Observed, limits: Thresholds) -> Iterator[Finding]:
    """Each node's offset to the controller is known as an interval; only what cannot be the journey's fault counts."""
    known = [(host, offset) for host, facts in observed.machines() if (offset := section(facts, "time").get("offset"))]
    ahead: dict[str, float] = {}
    for (one, first), (other, second) in pairs(known):
        apart = max(first[0] - second[1], second[0] - first[1])
        if apart > limits.time_offset:
            for host in (one, other):
                ahead[host] = max(apart, ahead.get(host, 0.0))
    if ahead:
        yield Finding(
            "nodes.time_offset",
            ERROR,
            f"clocks are at least {max(ahead.values()):.1f} s apart; certificates and etcd leases suffer",
            "synchronise the clocks (chrony, systemd-timesyncd), or raise preflight_time_offset",
            hosts=tuple(ahead),
            variable="preflight_time_offset",
            value=f"{limits.time_offset:g}",
        )


def one_cluster(observed: Observed, _limits: Thresholds) -> Iterator[Finding]:
    """Members trust the same authority; a control plane's kubelet only knows its own API server, so this tells."""
    members: dict[str, list[str]] = {}
    for host, _facts in observed.nodes():
        authority = str(observed.kubernetes(host).get("cluster_ca") or "")
        if authority and observed.state(host) == "complete":
            members.setdefault(authority, []).append(host)
    if len(members) > 1:
        parts = " and ".join(some(hosts) for hosts in members.values())
        yield Finding(
            "nodes.two_clusters",
            ERROR,
            f"the nodes belong to {len(members)} clusters, told by their certificate authorities: {parts}",
            "keep the nodes of one cluster in the inventory, or remove the others from theirs first",
            hosts=tuple(host for hosts in members.values() for host in hosts),
        )


def paths(observed: Observed, __: Thresholds) -> Iterator[Finding]:
    """Every port that will be needed can be reached; refused means that nobody listens yet, which is fine.

    A peer that this run has not seen (--limit) may be down, and a node can join without it:
    that is a warning, as long as some other peer can be reached.
    """
    seen = {host for host, _facts in observed.machines()}
    for host, found in observed.reachability.items():
        peers = [entry for entry in found.get("peers", ()) if entry["host"] not in observed.unreachable]
        blocked: dict[tuple[str, str], list[str]] = {}
        for entry in peers:
            if entry["result"] in CUT_OFF:
                udp = "/udp" if entry.get("protocol") == "udp" else ""
                blocked.setdefault((entry["host"], entry["address"]), []).append(f"{entry['port']}{udp}")
        cut_off_from_all = {peer for peer, _address in blocked} == {entry["host"] for entry in peers}
        for (peer, address), ports in blocked.items():
            yield Finding(
                "nodes.path",
                ERROR if peer in seen or cut_off_from_all else WARNING,
                f"cannot reach {peer} ({address}) on port {', '.join(ports)}",
                "open the ports in the firewalls between them"
                + ("" if peer in seen else f"; or bring {peer} up, which this run has not seen"),
                hosts=(host,),
            )


def names(observed: Observed, __: Thresholds) -> Iterator[Finding]:
    """The endpoint's name resolves everywhere."""
    for host, found in observed.reachability.items():
        for entry in found.get("names", ()):
            if not entry["addresses"]:
                yield Finding(
                    "nodes.name_resolution",
                    ERROR,
                    f"the name {entry['name']} does not resolve on the node",
                    "correct the DNS of the nodes, or use an address",
                    hosts=(host,),
                    variable="kubeops_endpoint",
                    value=entry["name"],
                )


def vip_name(observed: Observed, __: Thresholds) -> Iterator[Finding]:
    """An endpoint given by name has to lead to the virtual address."""
    vip = str(observed.inventory.value("kubeops_vip") or "")
    for host, found in observed.reachability.items():
        for entry in found.get("names", ()):
            if vip and entry["addresses"] and vip not in entry["addresses"]:
                yield Finding(
                    "nodes.vip_name",
                    ERROR,
                    f"{entry['name']} resolves to {', '.join(entry['addresses'])}, not to the virtual address",
                    "correct the DNS record, or kubeops_vip",
                    hosts=(host,),
                    variable="kubeops_vip",
                    value=vip,
                )


def sources(observed: Observed, __: Thresholds) -> Iterator[Finding]:
    """Where packages and images come from; on a host that has them already nothing is tried."""
    for host, found in observed.reachability.items():
        for entry in found.get("sources", ()):
            if entry["result"] != "open":
                yield Finding(
                    "nodes.source",
                    ERROR,
                    f"cannot connect to {entry['source']} ({entry['result']})",
                    "open the way, set kubeops_https_proxy, use a mirror, or a bundle (kubeops_package_source)",
                    hosts=(host,),
                    variable="kubeops_package_source",
                    value=str(observed.inventory.value("kubeops_package_source")),
                )


def unread(observed: Observed, __: Thresholds) -> Iterator[Finding]:
    """Sections a rule needs and could not have."""
    for host, facts in observed.machines():
        for name, reason in section(facts, "notes").items():
            yield Finding(
                "nodes.unread",
                WARNING,
                f"could not be read on the node: {name} ({_one_line(reason)})",
                "rules about it were not applied; look at the node",
                hosts=(host,),
            )


def _one_line(reason: Any) -> str:
    return " ".join(str(reason).split())[:160]


RULES = (unreachable, identities, time_offsets, one_cluster, paths, names, vip_name, sources, unread)
