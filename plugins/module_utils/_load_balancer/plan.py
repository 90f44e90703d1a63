# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Decides what has to be done to the load balancer of one node. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from .._core.plan import Plan, Refused, Step
from .model import Backend, File, Haproxy, Keepalived, Observed, SeenFile, SeenService, Service


def make(services: Iterable[Service], observed: Observed) -> Plan:
    """Write what differs, then enable, start or reload the service that has to know."""
    wanted = tuple(services)
    files = [file for service in wanted for file in service.files]
    steps = [step for service in wanted for step in _service_steps(service, observed)]
    differing = [file for file in files if _differs(file, _seen(observed, file))]
    return Plan(
        steps=tuple(steps),
        before="".join(_shown(file.path, _seen(observed, file).content) for file in differing),
        after="".join(_shown(file.path, file.content) for file in differing),
    )


def refusals(haproxy: Haproxy, keepalived: Keepalived | None, addresses: Iterable[str]) -> tuple[Refused, ...]:
    """What can't work on a node that has these addresses."""
    own = set(addresses)
    found = [_port_taken(haproxy, own)]
    if keepalived is not None:
        found += [_no_interface(keepalived), _vip_is_a_node(keepalived, haproxy.backends)]
    return tuple(refused for refused in found if refused)


def _service_steps(service: Service, observed: Observed) -> list[Step]:
    seen = observed.services.get(service.name, SeenService())
    writes = [_write_step(file, _seen(observed, file)) for file in service.files]
    steps = [step for step in writes if step]
    if not seen.enabled:
        steps.append(Step("enable", service.name, "the service would not start at boot"))
    if not seen.active:
        steps.append(Step("start", service.name, "the service does not run"))
    elif steps and steps[0].action == "write":
        steps.append(Step("reload", service.name, "its configuration changes"))
    elif _unread(service, seen, observed):
        steps.append(Step("reload", service.name, "it has not read its present configuration"))
    return steps


def _unread(service: Service, seen: SeenService, observed: Observed) -> bool:
    """Catches a run that died between writing the file and reloading the service."""
    if service.fingerprint:
        return seen.fingerprint != service.fingerprint
    return any(_seen(observed, file).changed_at > seen.changed_at for file in service.files)


def _write_step(file: File, seen: SeenFile) -> Step | None:
    if not _differs(file, seen):
        return None
    reason = "the file is missing" if seen.content is None else "its content or mode differs"
    return Step("write", file.path, reason, {"file": file})


def _differs(file: File, seen: SeenFile) -> bool:
    return (seen.content, seen.mode) != (file.content, file.mode)


def _seen(observed: Observed, file: File) -> SeenFile:
    return observed.files.get(file.path, SeenFile())


def _shown(path: str, content: str | None) -> str:
    return f"--- {path}\n{content}" if content is not None else ""


def _port_taken(haproxy: Haproxy, own: set[str]) -> Refused | None:
    clash = [server for server in haproxy.backends if server.address in own and server.port == haproxy.port]
    if not clash or (haproxy.bind_address and haproxy.bind_address != clash[0].address):
        return None
    return Refused(
        "endpoint_port",
        f"the API server of this node listens on {clash[0].address}:{clash[0].port}, so haproxy can't",
        "kubeops_endpoint",
        "give the endpoint another port than kubeops_api_port, for instance 8443,"
        " or put the load balancers on hosts of their own (group load_balancers)",
    )


def _no_interface(keepalived: Keepalived) -> Refused | None:
    if keepalived.interface:
        return None
    return Refused(
        "vip_interface",
        f"no interface of this node carries {keepalived.source}",
        "kubeops_vip_interface",
        "set kubeops_node_ip to an address of the node, or name the interface in kubeops_vip_interface",
    )


def _vip_is_a_node(keepalived: Keepalived, backends: Iterable[Backend]) -> Refused | None:
    owners = [server.name for server in backends if server.address == keepalived.vip]
    if not owners:
        return None
    return Refused(
        "vip_free",
        f"{keepalived.vip} is the address of {owners[0]}",
        "kubeops_vip",
        "choose an address of the nodes' network that no machine has",
    )
