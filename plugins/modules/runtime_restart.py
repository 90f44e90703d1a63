#!/usr/bin/python
# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Edge of runtime_restart."""

from __future__ import annotations

DOCUMENTATION = r"""
module: runtime_restart
short_description: Restart a container runtime and wait until the node works again
version_added: 1.0.0
author: kubeops.cluster contributors (@kubeops)
description:
  - Restarts systemd units in order, waits until the CRI answers on their sockets and, where a local API server
    answered before, until it answers again. Containers keep running meanwhile.
  - Always acts; when a restart is due is for M(kubeops.cluster.managed_files) to say.
  - Members of a cluster are best taken in batches, see P(kubeops.cluster.runtime_restart_batches#filter).
options:
  units:
    description: Units, in the order in which they are restarted.
    type: list
    elements: str
    required: true
  sockets:
    description: Unix sockets on which the CRI (C(runtime.v1)) must answer afterwards.
    type: list
    elements: path
    default: []
  url:
    description:
      - Health URL of the local API server. The answers 200, 401 and 403 mean that it lives.
      - Only waited for when it answered before the restart. Empty means none.
    type: str
    default: ''
  timeout:
    description: Seconds for all of it.
    type: int
    default: 120
extends_documentation_fragment:
  - kubeops.cluster.attributes.changes
"""

EXAMPLES = r"""
- name: Restart containerd, one control plane at a time
  kubeops.cluster.runtime_restart:
    units: [containerd]
    sockets: [/run/containerd/containerd.sock]
    url: https://127.0.0.1:6443/readyz
  throttle: 1
"""

RETURN = r"""
seconds:
  description: Seconds until the sockets, and the URL where it was waited for, answered.
  returned: when it restarted
  type: dict
  sample:
    sockets: 0.41
    url: 0.44
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._core.edge import run_module
from ..module_utils._core.plan import Plan, Step
from ..module_utils._core.runner import Runner
from ..module_utils._runtime.restart import Target, restart


def run(module: AnsibleModule) -> dict[str, Any]:
    """Restart and wait; the result in the shape of RETURN."""
    params = module.params
    target = Target(tuple(params["units"]), tuple(params["sockets"]), params["url"], float(params["timeout"]))
    plan = Plan(
        steps=tuple(Step("restart", unit, "asked for") for unit in target.units),
        before="",
        after="".join(f"restart {unit}\n" for unit in target.units),
    )
    result = plan.as_result()
    if not module.check_mode:
        result["seconds"] = restart(Runner(module), target)
    return result


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "units": {"type": "list", "elements": "str", "required": True},
            "sockets": {"type": "list", "elements": "path", "default": []},
            "url": {"type": "str", "default": ""},
            "timeout": {"type": "int", "default": 120},
        },
        supports_check_mode=True,
    )
    run_module(module, run)


if __name__ == "__main__":
    main()
