# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules about networks, the endpoint and the load balancer (pure)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from .finding import ERROR, WARNING, Finding, shown
from .model import (
    Inventory,
    Network,
    Surroundings,
    as_address,
    as_int,
    as_networks,
    networks_or_none,
    overlap,
    parse_endpoint,
)
from .rules_groups import DNS_NAME

SUBNETS = ("kubeops_pod_subnet", "kubeops_service_subnet")
# kube-apiserver refuses service networks with more than 20 bits of hosts.
SERVICE_BITS = 20
# kube-controller-manager hands out a /24 (IPv4) or /64 (IPv6) per node, of at most 16 bits of nodes.
NODE_PREFIX = {4: 24, 6: 64}


def subnets_valid(inventory: Inventory, __: Surroundings) -> Iterator[Finding]:
    """CIDRs without host bits; one of each family at most."""
    for variable in SUBNETS:
        value = inventory.value(variable)
        try:
            networks = as_networks(value)
        except ValueError as error:
            yield _subnet(
                variable, value, str(error), "write a network as 10.244.0.0/16, two with a comma for dual stack"
            )
            continue
        families = [network.version for network in networks]
        if not networks or len(set(families)) != len(families):
            message = "has to be one network, or one IPv4 and one IPv6 network"
            yield _subnet(variable, value, message, "write 10.244.0.0/16 or 10.244.0.0/16,fd00:10:244::/56")


def _subnet(variable: str, value: object, message: str, fix: str) -> Finding:
    return Finding("network.invalid_subnet", ERROR, message, fix, variable=variable, value=shown(value))


def subnets_overlap(inventory: Inventory, __: Surroundings) -> Iterator[Finding]:
    """Pods and services need networks of their own."""
    for pod in networks_or_none(inventory.value("kubeops_pod_subnet")):
        for service in networks_or_none(inventory.value("kubeops_service_subnet")):
            if overlap(pod, service):
                yield Finding(
                    "network.overlap",
                    ERROR,
                    f"overlaps with kubeops_service_subnet = {service}",
                    "choose two networks that share no address, for example 10.244.0.0/16 and 10.96.0.0/12",
                    variable="kubeops_pod_subnet",
                    value=str(pod),
                )


def nodes_in_subnets(inventory: Inventory, __: Surroundings) -> Iterator[Finding]:
    """A node whose address pods or services own cannot be reached."""
    for variable in SUBNETS:
        for network in networks_or_none(inventory.value(variable)):
            inside = tuple(host for host in inventory.nodes if any(_in(ip, network) for ip in inventory.node_ips(host)))
            if inside:
                yield Finding(
                    "network.nodes_in_subnet",
                    ERROR,
                    "holds addresses of the nodes themselves",
                    f"choose another network for {variable}",
                    hosts=inside,
                    variable=variable,
                    value=str(network),
                )


def _in(text: str, network: Network) -> bool:
    address = as_address(text)
    return address is not None and address in network


def dual_stack(inventory: Inventory, __: Surroundings) -> Iterator[Finding]:
    """https://kubernetes.io/docs/concepts/services-networking/dual-stack/"""
    pods, services = ([n.version for n in networks_or_none(inventory.value(name))] for name in SUBNETS)
    if pods and services and pods != services:
        yield Finding(
            "network.dual_stack",
            ERROR,
            f"address families differ from those of kubeops_pod_subnet = {inventory.value('kubeops_pod_subnet')}",
            "give both variables the same families in the same order",
            variable="kubeops_service_subnet",
            value=shown(inventory.value("kubeops_service_subnet")),
        )
    for host in inventory.nodes if pods else ():
        families = [address.version for ip in inventory.node_ips(host) if (address := as_address(ip))]
        # The API server listens on the first, and its service has an address of the same family.
        counts = families[:1] if host in inventory.control_planes else families
        if families and pods[0] not in counts:
            yield Finding(
                "network.node_family",
                ERROR,
                f"{'is' if pods[0] not in families else 'begins with'} no IPv{pods[0]} address, "
                f"but pods and services begin with IPv{pods[0]}",
                "set kubeops_node_ip to an address of that family first, or change the subnets",
                hosts=(host,),
                variable="kubeops_node_ip",
                value=",".join(inventory.node_ips(host)),
            )


def service_subnet_size(inventory: Inventory, __: Surroundings) -> Iterator[Finding]:
    """kube-apiserver keeps a bitmap of it."""
    for network in networks_or_none(inventory.value("kubeops_service_subnet")):
        least = network.max_prefixlen - SERVICE_BITS
        if network.prefixlen < least:
            message = "is larger than kube-apiserver takes"
            yield _size("kubeops_service_subnet", network, message, f"use /{least} or smaller")


def pod_subnet_size(inventory: Inventory, __: Surroundings) -> Iterator[Finding]:
    """Every node gets a network of its own from it."""
    flags = inventory.value("kubeops_controller_manager_extra_args")
    if "node-cidr-mask-size" in str(flags):
        return
    for network in networks_or_none(inventory.value("kubeops_pod_subnet")):
        bits = NODE_PREFIX[network.version] - network.prefixlen
        room = 2**bits if bits >= 0 else 0
        if room < len(inventory.nodes):
            message = f"has room for {room} nodes (a /{NODE_PREFIX[network.version]} each) of {len(inventory.nodes)}"
            yield _size("kubeops_pod_subnet", network, message, "use a larger network, such as 10.244.0.0/16")


def _size(variable: str, network: Network, message: str, fix: str) -> Finding:
    return Finding("network.subnet_size", ERROR, message, fix, variable=variable, value=str(network))


def dns_domain(inventory: Inventory, __: Surroundings) -> Iterator[Finding]:
    """The domain of services is a DNS name."""
    value = str(inventory.value("kubeops_dns_domain"))
    if not DNS_NAME.fullmatch(value):
        yield Finding(
            "network.dns_domain",
            ERROR,
            "is no DNS domain",
            "write it in lower case and without a dot at the end: cluster.local",
            variable="kubeops_dns_domain",
            value=shown(value),
        )


def api_port(inventory: Inventory, __: Surroundings) -> Iterator[Finding]:
    """A port is a port."""
    value = inventory.value("kubeops_api_port")
    if not 0 < as_int(value, 0) < 65536:
        yield Finding(
            "endpoint.api_port",
            ERROR,
            "is no port number",
            "use 6443, or another number from 1 to 65535",
            variable="kubeops_api_port",
            value=shown(value),
        )


def endpoint_given(inventory: Inventory, __: Surroundings) -> Iterator[Finding]:
    """kubeadm cannot add an endpoint to a cluster that was made without one."""
    given = str(inventory.value("kubeops_endpoint") or "")
    if given and parse_endpoint(given) is None:
        yield _endpoint("endpoint.malformed", given, "is not host:port", _endpoint_hint(inventory, given))
    elif not given and len(inventory.control_planes) > 1:
        message = f"is required with {len(inventory.control_planes)} control planes: one address must stand for all"
        yield _endpoint("endpoint.missing", "", message, _endpoint_hint(inventory, ""))
    elif not given and inventory.balanced:
        message = "is required where haproxy is set up (kubeops_load_balancer): it listens on the endpoint's port"
        yield _endpoint("endpoint.missing", "", message, _endpoint_hint(inventory, ""))


def _endpoint(rule: str, value: str, message: str, fix: str) -> Finding:
    return Finding(rule, ERROR, message, fix, variable="kubeops_endpoint", value=value)


def _endpoint_hint(inventory: Inventory, given: str) -> str:
    host = re.sub(r"^.*://|/.*$|:\d*$", "", given)
    host = host or str(inventory.value("kubeops_vip") or "api.example.com")
    port = 8443 if inventory.haproxy_on_control_planes else 6443
    return f"write kubeops_endpoint: {host}:{port}"


def endpoint_port(inventory: Inventory, __: Surroundings) -> Iterator[Finding]:
    """haproxy and the API server cannot listen on the same port of the same machine."""
    endpoint = parse_endpoint(str(inventory.value("kubeops_endpoint") or ""))
    port = as_int(inventory.value("kubeops_api_port"), 6443)
    if endpoint and endpoint[1] == port and inventory.haproxy_on_control_planes and _apart(inventory, endpoint[0]):
        given = str(inventory.value("kubeops_endpoint"))
        message = f"haproxy runs on the control planes, where port {port} is the API server's own (kubeops_api_port)"
        yield _endpoint("endpoint.port_taken", given, message, f"use another port, such as {endpoint[0]}:8443")


def _apart(inventory: Inventory, host: str) -> bool:
    """A lone control plane may be its own endpoint; then there is no haproxy."""
    return len(inventory.control_planes) > 1 or bool(inventory.value("kubeops_vip")) or not _is_node(inventory, host)


def _is_node(inventory: Inventory, host: str) -> bool:
    return any(host in (*inventory.node_ips(node), node) for node in inventory.nodes)


def endpoint_on_node(inventory: Inventory, __: Surroundings) -> Iterator[Finding]:
    """With several control planes an endpoint that is one of them dies with it."""
    endpoint = parse_endpoint(str(inventory.value("kubeops_endpoint") or ""))
    if endpoint and len(inventory.control_planes) > 1 and _is_node(inventory, endpoint[0]):
        given = str(inventory.value("kubeops_endpoint"))
        message = "is the address of a single node: without that node there is no API"
        yield _endpoint("endpoint.on_node", given, message, "use a virtual address (kubeops_vip) or a load balancer's")


def load_balancer(inventory: Inventory, __: Surroundings) -> Iterator[Finding]:
    """none is for one control plane."""
    count = len(inventory.control_planes)
    if inventory.value("kubeops_load_balancer") == "none" and count > 1:
        yield Finding(
            "load_balancer.none",
            ERROR,
            f"nothing would share the traffic between {count} control planes",
            "use haproxy, or external for a load balancer of your own",
            variable="kubeops_load_balancer",
            value="none",
        )


def vip(inventory: Inventory, __: Surroundings) -> Iterator[Finding]:
    """The virtual address is free, and the one clients are told."""
    value = str(inventory.value("kubeops_vip") or "")
    if not value:
        yield from _vip_missing(inventory)
        return
    address = as_address(value)
    if address is None:
        yield _vip("vip.invalid", value, "is no IP address", "write an address without a prefix length: 192.0.2.100")
        return
    owners = tuple(host for host in inventory.nodes if value in inventory.node_ips(host))
    if owners:
        message = "is the address of a node; keepalived would move it away from there"
        yield _vip("vip.node_address", value, message, "choose a free address in the nodes' network", owners)
    for variable in SUBNETS:
        for network in networks_or_none(inventory.value(variable)):
            if _in(value, network):
                yield _vip(
                    "vip.in_subnet", value, f"lies in {variable} = {network}", "choose one in the nodes' network"
                )
    yield from _vip_is_endpoint(inventory, value)


def _vip_is_endpoint(inventory: Inventory, value: str) -> Iterator[Finding]:
    endpoint = parse_endpoint(str(inventory.value("kubeops_endpoint") or ""))
    if endpoint is None:
        return
    host = as_address(endpoint[0])
    if host is not None and host != as_address(value):
        message = f"clients are told {endpoint[0]} (kubeops_endpoint), which nothing would answer at"
        yield _vip("vip.not_endpoint", value, message, f"set kubeops_endpoint to {value}:{endpoint[1]}")


def _vip_missing(inventory: Inventory) -> Iterator[Finding]:
    if inventory.value("kubeops_load_balancer") == "haproxy" and len(inventory.control_planes) > 1:
        # A lone balancer of its own needs no address that moves.
        level = WARNING if inventory.group("load_balancers") else ERROR
        message = "is empty: no address moves to another machine when one dies"
        fix = "set it to a free address in the nodes' network, or kubeops_load_balancer to external"
        yield Finding("vip.missing", level, message, fix, variable="kubeops_vip")


def _vip(rule: str, value: str, message: str, fix: str, hosts: tuple[str, ...] = ()) -> Finding:
    return Finding(rule, ERROR, message, fix, hosts=hosts, variable="kubeops_vip", value=value)


RULES = (
    subnets_valid,
    subnets_overlap,
    nodes_in_subnets,
    dual_stack,
    service_subnet_size,
    pod_subnet_size,
    dns_domain,
    api_port,
    endpoint_given,
    endpoint_port,
    endpoint_on_node,
    load_balancer,
    vip,
)
