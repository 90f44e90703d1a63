#!/usr/bin/python
# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Edge of nodes_ready; the action plugin of the same name runs it on whichever control plane answers."""

from __future__ import annotations

DOCUMENTATION = r"""
module: nodes_ready
short_description: Which nodes are not Ready
version_added: 1.0.0
author: kubeops.cluster contributors (@kubeops)
description:
  - An action that runs the module on the first healthy host of the group C(control_plane), whichever host the task is
    for.
  - Waits until all of O(nodes) are Ready, and says which are not when O(timeout) is over. Whether that is a failure is
    the caller's business.
  - A node is Ready by its condition of that name, which turns to C(Unknown) some 40 seconds after its kubelet was last
    heard of. See U(https://kubernetes.io/docs/reference/node/node-status/#condition).
extends_documentation_fragment:
  - kubeops.cluster.attributes.reads
options:
  nodes:
    description: Names of Node objects.
    type: list
    elements: str
    required: true
  timeout:
    description:
      - Seconds to wait for this control plane's API server and for nodes that are not Ready. Check mode does not wait.
    type: int
    default: 60
"""

EXAMPLES = r"""
- name: See how the nodes are that were upgraded
  kubeops.cluster.nodes_ready:
    nodes: [w1, w2]
  run_once: true
  register: readiness
"""

RETURN = r"""
not_ready:
  description: What the API says of each node that is not Ready, by name. Empty where all are.
  returned: success
  type: dict
  sample: {"w2": "Ready is Unknown: NodeStatusUnknown"}
control_plane:
  description: The control plane that answered.
  returned: success
  type: str
"""

import time
from collections.abc import Iterable, Mapping
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._core import clock
from ..module_utils._core.edge import run_module
from ..module_utils._kubeadm import credentials
from ..module_utils._kubeadm.api import ApiClient, admin, object_path

POLL_SECONDS = 2.0


def not_ready(items: Iterable[Mapping[str, Any]], wanted: Iterable[str]) -> dict[str, str]:
    """Say of each wanted node that is not Ready what its object says (pure)."""
    conditions = {item["metadata"]["name"]: _condition(item) for item in items}
    found = {name: conditions.get(name, "there is no Node object") for name in wanted}
    return {name: text for name, text in found.items() if text}


def _condition(item: Mapping[str, Any]) -> str:
    for entry in item.get("status", {}).get("conditions", ()):
        if entry["type"] == "Ready":
            return "" if entry["status"] == "True" else f"Ready is {entry['status']}: {entry.get('reason', '')}"
    return "it has reported nothing yet"


def settled(client: ApiClient, wanted: list[str], timeout: float) -> dict[str, str]:
    """Look until the API server is ready and so are all nodes, or the time is up; Refusal where the former is not."""
    deadline = clock.monotonic() + timeout
    while True:
        late = clock.monotonic() >= deadline
        if late:
            credentials.require_healthy(client)
        if late or client.ready():
            found = not_ready((client.get(object_path("nodes", "")) or {}).get("items", []), wanted)
            if late or not found:
                return found
        time.sleep(POLL_SECONDS)


def run(module: AnsibleModule) -> dict[str, Any]:
    """Look and tell."""
    with admin() as client:
        timeout = 0 if module.check_mode else module.params["timeout"]
        return {"changed": False, "not_ready": settled(client, module.params["nodes"], timeout)}


def main() -> None:
    """Entry point."""
    options = {
        "nodes": {"type": "list", "elements": "str", "required": True},
        "timeout": {"type": "int", "default": 60},
    }
    run_module(AnsibleModule(options, supports_check_mode=True), run)


if __name__ == "__main__":
    main()
