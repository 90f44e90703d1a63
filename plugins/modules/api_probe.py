#!/usr/bin/python
# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Edge of api_probe: an endpoint in, a client that asks it all the time and its account out."""

from __future__ import annotations

DOCUMENTATION = r"""
module: api_probe
short_description: Measure what clients of the API see while something is done to the cluster
version_added: 1.0.0
author: kubeops.cluster contributors (@kubeops)
description:
  - Starts, on a control plane, a transient systemd unit that asks the API ten times a second, reads and writes in turn,
    each over a new connection, and counts what is not answered within five seconds. It ends by itself after O(hours).
  - It reads and writes a Lease of its own, C(kubeops-api-probe) in kube-system, which is removed at the end.
extends_documentation_fragment:
  - kubeops.cluster.attributes.reads
options:
  state:
    description:
      - With V(started), a new count begins. With V(running), the one that is there goes on, also after a reboot, with
        the certificate that C(admin.conf) has by now. Both fail where the first request is not answered within a
        minute.
      - V(asked) returns the account so far, and fails where O(budget) is exceeded, or nothing counts any more.
        V(stopped) ends it too.
    type: str
    choices: [started, running, asked, stopped]
    required: true
  server:
    description: Endpoint to ask, C(host:port). Empty is this node's own API server.
    type: str
    default: ''
  budget:
    description: Failed requests that are accepted. Negative for any number, and for a count that ended by itself.
    type: int
    default: -1
  hours:
    description: After this time it ends in any case.
    type: int
    default: 12
"""

EXAMPLES = r"""
- name: Count what clients see
  kubeops.cluster.api_probe:
    state: started
    server: 192.0.2.100:8443

- name: Stop where clients see too much
  kubeops.cluster.api_probe:
    state: asked
    budget: 10
"""

RETURN = r"""
account:
  description:
    - C(started), C(requests), C(failed), C(slowest) and C(longest_outage) in seconds, and the first C(failures), each
      with C(at), C(request) and C(reason). Empty where nothing was counted.
  returned: state is asked or stopped
  type: dict
  sample: {"started": "2026-11-20T09:00:00.000000Z", "requests": 5400, "failed": 0, "slowest": 0.61,
           "longest_outage": 0.0, "failures": []}
blind:
  description: Why nothing is counted now, and the account therefore does not cover all the time. Empty where it does.
  returned: state is asked or stopped
  type: str
"""

import inspect
import sys
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._api_probe import judge, program, unit
from ..module_utils._core.edge import run_module
from ..module_utils._core.runner import Runner


def main() -> None:
    """Parse options and run."""
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["started", "running", "asked", "stopped"], "required": True},
            "server": {"type": "str", "default": ""},
            "budget": {"type": "int", "default": -1},
            "hours": {"type": "int", "default": 12},
        },
        supports_check_mode=True,
    )
    run_module(module, ensure)


def ensure(module: AnsibleModule) -> dict[str, Any]:
    """Start, ask or stop. Nothing of the cluster changes, so no change is reported."""
    runner, params = Runner(module), module.params
    state = params["state"]
    if module.check_mode:
        return {"changed": False, "account": {}, "blind": ""}
    if state in ("started", "running"):
        if state == "started":
            unit.forget(runner)
        if unit.active(runner):
            unit.take_identity()
        else:
            unit.start(runner, inspect.getsource(program), sys.executable, params["server"], params["hours"])
        return {"changed": False}
    blind, account = unit.why_blind(runner), unit.account()
    if state == "stopped":
        unit.stop(runner)
        account = unit.account()
    judge.require_budget(account, params["budget"], blind)
    return {"changed": False, "account": account, "blind": blind}


if __name__ == "__main__":
    main()
