#!/usr/bin/python
# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""haproxy and keepalived in front of the API servers."""

from __future__ import annotations

DOCUMENTATION = r"""
module: load_balancer
short_description: Balance the API servers of a cluster with haproxy and keepalived
version_added: 1.0.0
description:
  - Writes C(haproxy.cfg), C(keepalived.conf) and the script with which keepalived checks haproxy, and has both
    services enabled, running and informed of their present configuration.
  - A configuration is read by C(haproxy -c) and C(keepalived --config-test) before it is put in place.
  - haproxy is reloaded, never restarted. Its listening sockets pass from the old process to the new one,
    and connections that are open stay with the old one until they end or O(hard_stop_after) has passed.
  - The configuration carries its own fingerprint, which the running haproxy is asked for. A service that was not
    reloaded after its file changed, for instance because an earlier run was killed, is noticed and reloaded.
  - API servers are checked with C(GET /readyz) over TLS. The certificate is not verified for this check, because the
    cluster's CA does not exist before kubeadm init. Clients verify the API server end to end, since connections are
    passed through as TCP.
  - The virtual address is given up when haproxy does not answer, or when it reaches no API server while the load
    balancer of a peer does.
author:
  - kubeops.cluster contributors (@kubeops)
requirements:
  - haproxy 2.2 or newer, keepalived 2.0 or newer, systemd, iproute2, bash
options:
  port:
    description: TCP port of the cluster's endpoint.
    type: int
    required: true
  backends:
    description: The API servers, node name to address.
    type: dict
    required: true
  backend_port:
    description: Port of every API server.
    type: int
    default: 6443
  node_name:
    description: Name of this node, C(router_id) of keepalived. Required with O(vip).
    type: str
    default: ''
  node_ip:
    description: Address of this node from which VRRP advertisements are sent. Required with O(vip).
    type: str
    default: ''
  vip:
    description: Virtual address that keepalived holds on one of the load balancers. Empty for haproxy alone.
    type: str
    default: ''
  interface:
    description: Interface that gets O(vip). Empty for the one that carries O(node_ip).
    type: str
    default: ''
  peers:
    description: Addresses of the other load balancers. VRRP is sent to them as unicast.
    type: list
    elements: str
    default: []
  position:
    description: Place of this node among the load balancers, from 0. The first gets the highest VRRP priority.
    type: int
    default: 0
  virtual_router_id:
    description: VRRP router id, 1 to 255. 0 takes the last byte of O(vip).
    type: int
    default: 0
  advertisement_interval:
    description: Seconds between VRRP advertisements. The address moves after about three of them were missed.
    type: float
    default: 1.0
  bind_address:
    description: Address haproxy listens on. Empty for all, so that nodes that do not hold O(vip) can start it too.
    type: str
    default: ''
  monitor_port:
    description:
      - Port on which haproxy tells keepalived, here and on O(peers), whether it reaches an API server.
        Connections from other addresses are refused.
    type: int
    default: 8405
  check_interval:
    description:
      - Milliseconds between two checks of an API server that answers; a quarter of it where one does not.
        Three failures in a row take it out and end its sessions.
      - It is also how long a check may take to connect (at most 2000), TLS included. Where it is too short, busy
        API servers are taken for dead ones.
    type: int
    default: 2000
  max_connections:
    description:
      - Connections at a time. haproxy needs a little over two open files for each, and does not start when
        the hard limit of its unit is lower.
    type: int
    default: 4000
  hard_stop_after:
    description: How long connections may outlive a reload, as a number and a unit of haproxy (C(30m), C(1h)).
    type: str
    default: 1h
extends_documentation_fragment:
  - kubeops.cluster.attributes.changes
"""

EXAMPLES = r"""
- name: Balance two API servers behind 192.0.2.100:8443
  kubeops.cluster.load_balancer:
    port: 8443
    backends:
      cp1: 192.0.2.11
      cp2: 192.0.2.12
    vip: 192.0.2.100
    node_name: cp1
    node_ip: 192.0.2.11
    peers: [192.0.2.12]
"""

RETURN = r"""
plan:
  description: What was (in check mode would be) done, in order.
  returned: always
  type: list
  elements: dict
  sample:
    - {action: write, target: /etc/haproxy/haproxy.cfg, reason: its content or mode differs}
    - {action: reload, target: haproxy, reason: its configuration changes}
refusals:
  description: Rules that forbid the change. The module fails when there are any.
  returned: always
  type: list
  elements: dict
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._core.edge import run_module
from ..module_utils._core.plan import Plan
from ..module_utils._core.runner import Runner
from ..module_utils._load_balancer import act, check, haproxy, keepalived, plan, probe
from ..module_utils._load_balancer.model import (
    CHECK_SCRIPT,
    HAPROXY_CONFIG,
    KEEPALIVED_CONFIG,
    Backend,
    File,
    Haproxy,
    Keepalived,
    Service,
)

OPTIONS: dict[str, Any] = {
    "port": {"type": "int", "required": True},
    "backends": {"type": "dict", "required": True},
    "backend_port": {"type": "int", "default": 6443},
    "node_name": {"type": "str", "default": ""},
    "node_ip": {"type": "str", "default": ""},
    "vip": {"type": "str", "default": ""},
    "interface": {"type": "str", "default": ""},
    "peers": {"type": "list", "elements": "str", "default": []},
    "position": {"type": "int", "default": 0},
    "virtual_router_id": {"type": "int", "default": 0},
    "advertisement_interval": {"type": "float", "default": 1.0},
    "bind_address": {"type": "str", "default": ""},
    "monitor_port": {"type": "int", "default": 8405},
    "check_interval": {"type": "int", "default": 2000},
    "max_connections": {"type": "int", "default": 4000},
    "hard_stop_after": {"type": "str", "default": "1h"},
}


def haproxy_settings(params: dict[str, Any]) -> Haproxy:
    """The module's options as haproxy's settings."""
    return Haproxy(
        port=params["port"],
        backends=tuple(Backend(name, address, params["backend_port"]) for name, address in params["backends"].items()),
        bind_address=params["bind_address"],
        check_interval=params["check_interval"],
        max_connections=params["max_connections"],
        hard_stop_after=params["hard_stop_after"],
        monitor_port=params["monitor_port"],
        peers=tuple(params["peers"]),
    )


def keepalived_settings(params: dict[str, Any], interfaces: dict[str, str]) -> Keepalived | None:
    """The module's options as keepalived's settings; None without a virtual address."""
    if not params["vip"]:
        return None
    return Keepalived(
        vip=params["vip"],
        interface=params["interface"] or interfaces.get(params["node_ip"], ""),
        source=params["node_ip"],
        node_name=params["node_name"] or params["node_ip"],
        peers=tuple(params["peers"]),
        priority=keepalived.priority(params["position"]),
        router_id=params["virtual_router_id"],
        monitor_port=params["monitor_port"],
        interval=params["advertisement_interval"],
    )


def services(balancer: Haproxy, address: Keepalived | None) -> list[Service]:
    """Both daemons with the files they read."""
    config = haproxy.render(balancer)
    wanted = [Service("haproxy", (File(HAPROXY_CONFIG, config),), haproxy.fingerprint(config))]
    if address is not None:
        script = File(CHECK_SCRIPT, check.SCRIPT, 0o755)
        wanted.append(Service("keepalived", (script, File(KEEPALIVED_CONFIG, keepalived.render(address)))))
    return wanted


def run(module: AnsibleModule) -> dict[str, Any]:
    """Observe, plan, refuse or act, verify."""
    runner = Runner(module)
    interfaces = probe.addresses(runner)
    balancer = haproxy_settings(module.params)
    address = keepalived_settings(module.params, interfaces)
    for refused in plan.refusals(balancer, address, interfaces):
        raise refused.as_error()
    wanted = services(balancer, address)

    def observed_plan() -> Plan:
        return plan.make(wanted, probe.observe(runner, wanted))

    decided = observed_plan()
    if module.check_mode:
        act.validate(runner, decided)
    elif decided.changed:
        act.carry_out(runner, decided)
        act.settle(observed_plan)
    return decided.as_result()


def main() -> None:
    """Entry point."""
    module = AnsibleModule(OPTIONS, supports_check_mode=True)
    run_module(module, run)


if __name__ == "__main__":
    main()
