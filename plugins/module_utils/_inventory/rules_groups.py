# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules about groups and hosts (pure)."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping

from .finding import ERROR, WARNING, Finding, shown, some
from .model import Inventory, Surroundings, as_address
from .schema import CONTROL_PLANE, GROUPS, WORKERS

# https://kubernetes.io/docs/concepts/overview/working-with-objects/names/#dns-subdomain-names
DNS_NAME = re.compile(r"(?=.{1,253}$)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")

# What other tools and older habits call our groups.
OTHER_NAMES = {
    "control_planes": CONTROL_PLANE,
    "controlplane": CONTROL_PLANE,
    "kube_control_plane": CONTROL_PLANE,
    "master": CONTROL_PLANE,
    "masters": CONTROL_PLANE,
    "kube_master": CONTROL_PLANE,
    "worker": WORKERS,
    "node": WORKERS,
    "nodes": WORKERS,
    "kube_node": WORKERS,
    "minions": WORKERS,
    "agents": WORKERS,
    "windows": "windows_workers",
    "windows_nodes": "windows_workers",
    "lb": "load_balancers",
    "loadbalancer": "load_balancers",
    "loadbalancers": "load_balancers",
    "haproxy": "load_balancers",
}


def unknown_groups(inventory: Inventory, __: Surroundings) -> Iterator[Finding]:
    """Groups that were probably meant to be ours, and hold hosts that none of ours holds."""
    known = set(inventory.hosts)
    for name, members in inventory.groups.items():
        meant = meant_group(name)
        strays = tuple(host for host in members if host not in known)
        if meant and strays:
            yield Finding(
                "groups.unknown",
                ERROR,
                f"the group {name} means nothing to the collection, so its hosts would be left out",
                f"rename the group to {meant}",
                hosts=strays,
                variable="group",
                value=name,
            )


def meant_group(name: str) -> str | None:
    """Which of our groups the name was probably meant to be."""
    if name in GROUPS or name in ("all", "ungrouped"):
        return None
    plain = name.lower().replace("-", "_")
    close = difflib.get_close_matches(plain, GROUPS, n=1, cutoff=0.8)
    return OTHER_NAMES.get(plain) or (close[0] if close else None)


def no_control_plane(inventory: Inventory, __: Surroundings) -> Iterator[Finding]:
    """A cluster needs one."""
    if not inventory.control_planes:
        yield Finding(
            "groups.no_control_plane",
            ERROR,
            "no host is in the group control_plane",
            "put one host, or better three, into the group control_plane",
            variable="group",
            value=CONTROL_PLANE,
        )


def both_roles(inventory: Inventory, __: Surroundings) -> Iterator[Finding]:
    """A node joins once."""
    twice = tuple(host for host in inventory.control_planes if host in inventory.group(WORKERS))
    if twice:
        yield Finding(
            "groups.both_roles",
            ERROR,
            "a node is either a control plane or a worker",
            "keep it in control_plane, and set kubeops_node_taints to [] there if pods shall run on it",
            hosts=twice,
            variable="group",
            value="control_plane, workers",
        )


def even_control_planes(inventory: Inventory, __: Surroundings) -> Iterator[Finding]:
    """https://etcd.io/docs/latest/faq/#why-an-odd-number-of-cluster-members"""
    count = len(inventory.control_planes)
    if count and count % 2 == 0 and not inventory.external_etcd:
        yield Finding(
            "groups.even_control_planes",
            WARNING,
            f"{count} etcd members survive the loss of no more members than {count - 1} would",
            f"use {count - 1} or {count + 1} control planes",
            hosts=inventory.control_planes,
            variable="group",
            value=CONTROL_PLANE,
        )


def idle_groups(inventory: Inventory, __: Surroundings) -> Iterator[Finding]:
    """Groups that a variable switches off."""
    balancers, etcd = inventory.group("load_balancers"), inventory.group("etcd")
    kind = inventory.value("kubeops_load_balancer")
    if balancers and kind != "haproxy":
        yield Finding(
            "groups.idle_load_balancers",
            WARNING,
            "the group load_balancers has hosts, but nothing will be set up on them",
            "set kubeops_load_balancer to haproxy, or empty the group",
            hosts=balancers,
            variable="kubeops_load_balancer",
            value=str(kind),
        )
    theirs = inventory.value("kubeops_external_etcd")
    if etcd and theirs:
        yield Finding(
            "groups.two_etcd",
            ERROR,
            "the group etcd has hosts, and kubeops_external_etcd names another cluster",
            "keep one of them: the group for an etcd that this collection runs, the variable for one that others run",
            hosts=etcd,
            variable="kubeops_external_etcd",
            value=shown(theirs.get("endpoints", "") if isinstance(theirs, Mapping) else theirs),
        )


def even_etcd(inventory: Inventory, __: Surroundings) -> Iterator[Finding]:
    """https://etcd.io/docs/latest/faq/#why-an-odd-number-of-cluster-members"""
    hosts = inventory.group("etcd")
    if hosts and len(hosts) % 2 == 0:
        yield Finding(
            "groups.even_etcd",
            WARNING,
            f"{len(hosts)} etcd members survive the loss of no more members than {len(hosts) - 1} would",
            f"use {len(hosts) - 1} or {len(hosts) + 1} hosts",
            hosts=hosts,
            variable="group",
            value="etcd",
        )


def node_addresses(inventory: Inventory, __: Surroundings) -> Iterator[Finding]:
    """Every node has addresses of its own."""
    owners: dict[str, list[str]] = {}
    for host in inventory.nodes:
        for text in inventory.node_ips(host):
            address = as_address(text)
            if address is None:
                yield _no_address(host, text)
            else:
                owners.setdefault(str(address), []).append(host)
    for text, hosts in owners.items():
        if len(hosts) > 1:
            yield Finding(
                "hosts.duplicate_address",
                ERROR,
                f"{some(hosts)} have the same address",
                "give each node its own kubeops_node_ip or ansible_host",
                hosts=tuple(hosts),
                variable="kubeops_node_ip",
                value=text,
            )


def _no_address(host: str, text: str) -> Finding:
    return Finding(
        "hosts.invalid_address",
        ERROR,
        "that is no IP address",
        "set kubeops_node_ip of the host to its address in the cluster network (ansible_host may stay a name)",
        hosts=(host,),
        variable="kubeops_node_ip",
        value=text,
    )


def node_names(inventory: Inventory, __: Surroundings) -> Iterator[Finding]:
    """Node names are DNS names (RFC 1123), and unique."""
    owners: dict[str, list[str]] = {}
    for host in inventory.nodes:
        name = inventory.node_name(host)
        owners.setdefault(name, []).append(host)
        if not DNS_NAME.fullmatch(name):
            yield Finding(
                "hosts.invalid_name",
                ERROR,
                "a node's name has lower-case letters, digits, '-' and '.', and begins and ends with a letter or digit",
                f"set kubeops_node_name, for example to {_dns_name(name)}",
                hosts=(host,),
                variable="kubeops_node_name",
                value=name,
            )
    for name, hosts in owners.items():
        if len(hosts) > 1:
            yield Finding(
                "hosts.duplicate_name",
                ERROR,
                f"{some(hosts)} would become the same node",
                "give each host its own kubeops_node_name",
                hosts=tuple(hosts),
                variable="kubeops_node_name",
                value=name,
            )


def _dns_name(name: str) -> str:
    return re.sub(r"[^a-z0-9.-]+", "-", name.lower()).strip("-.") or "node-1"


RULES = (
    no_control_plane,
    unknown_groups,
    both_roles,
    even_control_planes,
    even_etcd,
    idle_groups,
    node_addresses,
    node_names,
)
