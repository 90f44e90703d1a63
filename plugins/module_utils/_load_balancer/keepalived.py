# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""keepalived.conf for the virtual address. Pure.

Keywords: https://www.keepalived.org/manpage.html
"""

from __future__ import annotations

import ipaddress

from .model import CHECK_SCRIPT, MANAGED, Keepalived

# VRRP's own range; 255 means "owner of the address", which nobody is here.
FIRST_PRIORITY = 200
LAST_ROUTER_ID = 255

_TEMPLATE = """{managed}
global_defs {{
    router_id {node_name}
    vrrp_version 3
    enable_script_security
    script_user root
}}

vrrp_script kube_apiserver {{
    script "{script}"
    interval 2
    # A busy node is no failed node: one that died is noticed by its missing advertisements.
    timeout 5
    fall 3
    rise 2
    init_fail
}}

vrrp_instance kube_apiserver {{
    state BACKUP
    # The address moves when its holder fails, not when a former holder comes back.
    nopreempt
    interface {interface}
    virtual_router_id {router_id}
    priority {priority}
    advert_int {interval:g}
    unicast_src_ip {source}
{peers}    virtual_ipaddress {{
        {vip}
    }}
    track_script {{
        kube_apiserver
    }}
}}
"""


def render(settings: Keepalived) -> str:
    """The whole file."""
    return _TEMPLATE.format(
        managed=MANAGED,
        node_name=settings.node_name,
        script=" ".join([CHECK_SCRIPT, str(settings.monitor_port), *settings.peers]),
        interface=settings.interface,
        router_id=settings.router_id or router_id(settings.vip),
        priority=settings.priority,
        interval=settings.interval,
        source=settings.source,
        peers=_peers(settings.peers),
        vip=settings.vip,
    )


def router_id(vip: str) -> int:
    """A VRRP router id (1..255) for an address: its last byte, where that is one."""
    return ipaddress.ip_address(vip).packed[-1] or LAST_ROUTER_ID


def priority(position: int) -> int:
    """VRRP priority of the load balancer at this position (from 0) of the inventory."""
    return max(1, FIRST_PRIORITY - position)


def _peers(peers: tuple[str, ...]) -> str:
    if not peers:
        return ""
    lines = "".join(f"        {peer}\n" for peer in peers)
    return f"    unicast_peer {{\n{lines}    }}\n"
