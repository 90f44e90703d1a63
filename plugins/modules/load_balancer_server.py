#!/usr/bin/python
# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Edge of load_balancer_server."""

from __future__ import annotations

DOCUMENTATION = r"""
module: load_balancer_server
short_description: Take one API server out of a running haproxy before it stops, and put it back
version_added: 1.0.0
author: kubeops.cluster contributors (@kubeops)
description:
  - Speaks to haproxy on this load balancer through its admin socket. No file changes, no reload.
  - A drained API server gets no new connections. Requests under way have O(linger) seconds; then connections that are
    still open are closed, so that clients that keep theirs (kubelets, watches) go to another API server. They would
    hang on one whose etcd is away, and a kubelet that hangs for a minute makes its node NotReady.
  - Refuses to drain the last API server that serves. A server that an operator has put into maintenance is left so.
  - haproxy forgets a drain when it is reloaded or restarted.
requirements:
  - a haproxy set up by M(kubeops.cluster.load_balancer)
options:
  name:
    description: Node name of the API server.
    type: str
    required: true
  state:
    description:
      - With C(drain), new connections go to the others.
      - With C(ready), it gets connections as soon as its health checks pass.
    type: str
    choices: [drain, ready]
    required: true
  linger:
    description:
      - Seconds that open connections have with O(state=drain), counted from this call, also where the server was
        drained before. A negative number leaves them open.
    type: int
    default: 3
  timeout:
    description: Seconds to wait, with O(state=ready), until health checks pass.
    type: int
    default: 60
extends_documentation_fragment: kubeops.cluster.attributes.changes
seealso:
  - module: kubeops.cluster.load_balancer
"""

EXAMPLES = r"""
- name: Send nobody to this API server any more
  kubeops.cluster.load_balancer_server:
    name: "{{ inventory_hostname }}"
    state: drain
    linger: -1
  delegate_to: "{{ item }}"
  loop: "{{ groups['control_plane'] }}"

- name: End what goes on there; the first wait is a wait on all load balancers
  kubeops.cluster.load_balancer_server:
    name: "{{ inventory_hostname }}"
    state: drain
    linger: "{{ 3 if item == groups['control_plane'] | first else 0 }}"
  delegate_to: "{{ item }}"
  loop: "{{ groups['control_plane'] }}"
"""

RETURN = r"""
plan:
  description: The step, with its reason. Empty where the server has the state.
  returned: success
  type: list
  elements: dict
  sample:
    - {action: drain, target: cp1, reason: it is about to stop}
"""

import time
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._core import clock
from ..module_utils._core.edge import run_module
from ..module_utils._core.errors import KubeopsError
from ..module_utils._load_balancer import admin_socket, server
from ..module_utils._load_balancer.model import ADMIN_SOCKET

POLL_SECONDS = 0.2


def main() -> None:
    """Parse options and run."""
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "state": {"type": "str", "choices": [server.DRAIN, server.READY], "required": True},
            "linger": {"type": "int", "default": 3},
            "timeout": {"type": "int", "default": 60},
        },
        supports_check_mode=True,
    )
    run_module(module, ensure)


def ensure(module: AnsibleModule) -> dict[str, Any]:
    """Observe, plan, refuse or act, verify."""
    name, state = module.params["name"], module.params["state"]
    planned = server.plan(name, state, observe())
    for refused in planned.refusals:
        raise refused.as_error()
    if module.check_mode:
        return planned.as_result()
    if planned.changed:
        answer = ask(server.command(name, state)).strip()
        if answer:
            raise KubeopsError(f"haproxy did not set {name} to {state}", seen=answer)
        _wait(name, state, module.params["timeout"])
    if state == server.DRAIN and module.params["linger"] >= 0 and observe()[name].drained:
        _close(name, module.params["linger"])
    return planned.as_result()


def observe() -> dict[str, server.Server]:
    """The API servers as the running haproxy sees them."""
    return server.parse(ask(server.SHOW))


def ask(command: str) -> str:
    """haproxy's answer; raises KubeopsError where it does not run."""
    try:
        return admin_socket.ask(command)
    except OSError as error:
        raise KubeopsError(
            "haproxy cannot be asked on this load balancer",
            seen=f"{ADMIN_SOCKET}: {error}",
            fix="start haproxy, or run the role load_balancer",
        ) from error


def _wait(name: str, state: str, timeout: float) -> None:
    deadline = clock.monotonic() + timeout
    while not _reached(observe()[name], state):
        if clock.monotonic() > deadline:
            raise KubeopsError(
                f"{name} did not become {state} behind this load balancer within {timeout:g} s",
                seen="its health checks fail" if state == server.READY else "haproxy still sends connections to it",
                fix=f"look at the API server of {name}, and at journalctl -u haproxy",
            )
        time.sleep(POLL_SECONDS)


def _close(name: str, linger: float) -> None:
    """Give what is under way its time, and end the rest."""
    deadline = clock.monotonic() + linger
    while server.sessions(name, ask(server.STATISTICS)):
        if clock.monotonic() > deadline:
            ask(server.close(name))
            return
        time.sleep(POLL_SECONDS)


def _reached(seen: server.Server, state: str) -> bool:
    return seen.drained if state == server.DRAIN else seen.serves


if __name__ == "__main__":
    main()
