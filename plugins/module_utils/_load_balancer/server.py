# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One API server behind a running haproxy: what its state is, and what has to be done. Pure.

https://docs.haproxy.org/2.6/management.html#9.3 (show servers state, set server, show stat, shutdown sessions server)
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass

from .._core.plan import Plan, Refused, Step
from .model import BACKEND

SHOW = f"show servers state {BACKEND}"
STATISTICS = "show stat"
READY, DRAIN = "ready", "drain"

# Of the fields of `show servers state`: operational state 2 is up and running; in the administrative state,
# 0x08 is a drain that somebody ordered (0x10 one inherited), 0x01 and 0x02 are maintenance.
_UP = 2
_DRAINED = 0x08 | 0x10
_MAINTENANCE = 0x01 | 0x02 | 0x04


@dataclass(frozen=True)
class Server:
    """up: its health checks pass. drained, maintenance: what an administrator asked for."""

    up: bool
    drained: bool = False
    maintenance: bool = False

    @property
    def serves(self) -> bool:
        """New connections may be sent to it."""
        return self.up and not self.drained and not self.maintenance


def parse(answer: str) -> dict[str, Server]:
    """Servers by name from the answer to SHOW: a version, a comment with the names of fields, a line for each."""
    lines = answer.strip().splitlines()
    names = next((line.lstrip("# ").split() for line in lines if line.startswith("# be_id")), [])
    rows = [dict(zip(names, line.split())) for line in lines if names and len(line.split()) >= len(names) > 1]
    return {row["srv_name"]: _server(row) for row in rows if row.get("be_name") == BACKEND}


def command(name: str, state: str) -> str:
    """What asks haproxy for the state."""
    return f"set server {BACKEND}/{name} state {state}"


def close(name: str) -> str:
    """What asks haproxy to end the server's sessions."""
    return f"shutdown sessions server {BACKEND}/{name}"


def sessions(name: str, answer: str) -> int:
    """The server's open sessions, from the answer to STATISTICS: a comment with the names of columns, then CSV."""
    rows = csv.DictReader(answer.lstrip("# ").splitlines())
    return sum(int(row["scur"] or 0) for row in rows if (row["pxname"], row["svname"]) == (BACKEND, name))


def plan(name: str, state: str, servers: Mapping[str, Server]) -> Plan:
    """Return the step to the state, or why it can't be taken."""
    server = servers.get(name)
    if server is None:
        return Plan(refusals=(_unknown(name, servers),))
    # Maintenance is an operator's word: nothing is sent to such a server, and it is not for us to end it.
    if server.maintenance or server.drained == (state == DRAIN):
        return _plan(server)
    if state == DRAIN and not any(other.serves for key, other in servers.items() if key != name):
        return Plan(refusals=(_last(name),))
    reason = "it is about to stop" if state == DRAIN else "it was taken out and serves again"
    return _plan(server, Step(state, name, reason))


def _plan(server: Server, *steps: Step) -> Plan:
    before = "maintenance" if server.maintenance else DRAIN if server.drained else READY
    return Plan(steps, before={"state": before}, after={"state": steps[0].action if steps else before})


def _server(row: Mapping[str, str]) -> Server:
    admin = int(row["srv_admin_state"])
    return Server(
        up=int(row["srv_op_state"]) == _UP, drained=bool(admin & _DRAINED), maintenance=bool(admin & _MAINTENANCE)
    )


def _unknown(name: str, servers: Mapping[str, Server]) -> Refused:
    return Refused(
        "load_balancer.unknown_server",
        f"haproxy has no server {name} in {BACKEND}, but {', '.join(sorted(servers)) or 'none'}",
        "kubeops_node_name",
        "run the role load_balancer, which writes a server for every control plane",
    )


def _last(name: str) -> Refused:
    return Refused(
        "load_balancer.last_server",
        f"no other API server than {name} serves behind this load balancer",
        "",
        "bring another API server back first",
    )
