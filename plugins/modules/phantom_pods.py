#!/usr/bin/python
# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Edge of phantom_pods: what the API knows in, what a node runs besides out."""

from __future__ import annotations

DOCUMENTATION = r"""
module: phantom_pods
short_description: Pods of a node that the API does not know
version_added: 1.0.0
author: kubeops.cluster contributors (@kubeops)
description:
  - After a restore a node may go on running pods that were made after the snapshot, which nobody manages then. See
    U(https://github.com/kubernetes/kubernetes/issues/131115). A kubelet that is well removes them by itself; what it
    leaves is found here.
  - What runs is listed first, and the API is asked after it, as the kubelet, each time. A pod that a controller makes
    meanwhile is known to the API before the node runs it, and so is never taken for a phantom.
  - A node that the API has no Node object of can tell no phantom; a warning says so.
  - Static pods are none, they come from files.
extends_documentation_fragment:
  - kubeops.cluster.attributes.reads
options:
  clear:
    description: Whether phantom pods are stopped and removed.
    type: bool
    default: false
  timeout:
    description: Seconds that the kubelet has to remove them by itself.
    type: int
    default: 30
"""

EXAMPLES = r"""
- name: Pods that nobody knows
  kubeops.cluster.phantom_pods:
"""

RETURN = r"""
phantoms:
  description: Pods that run here and are unknown to the API, before they were cleared.
  returned: success
  type: list
  elements: dict
  sample: [{"id": "5d1f…", "name": "web-6f6b", "namespace": "default", "uid": "0d6b7c0e-8f5c-4f43-9c1d-5c3c1e6a3f0b"}]
"""

import json
import time
from typing import Any
from urllib.parse import quote

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._aftermath import aftermath
from ..module_utils._core import clock
from ..module_utils._core.edge import run_module
from ..module_utils._core.runner import Runner
from ..module_utils._kubeadm import probe
from ..module_utils._kubeadm.api import ApiClient, object_path
from ..module_utils._kubeadm.kubelet_api import as_kubelet

POLL_SECONDS = 3.0
STOP_SECONDS = 120.0


def look(runner: Runner, client: ApiClient, node: str, timeout: float) -> list[aftermath.Sandbox]:
    """What is left after the kubelet had its time."""
    deadline = clock.monotonic() + timeout
    while True:
        listed = json.loads(runner.run(["crictl", "pods", "--output", "json"]).stdout).get("items") or []
        known = client.get(f"{object_path('pods', '')}?fieldSelector=spec.nodeName%3D{quote(node)}") or {}
        found = aftermath.phantoms(listed, [pod["metadata"]["uid"] for pod in known["items"]])
        if not found or clock.monotonic() > deadline:
            return found
        time.sleep(POLL_SECONDS)


def run(module: AnsibleModule) -> dict[str, Any]:
    """Look, clear where asked to, tell."""
    runner, clear, node = Runner(module), module.params["clear"], probe.own_node_name()
    with as_kubelet() as client:
        if not node or client.get(object_path("nodes", node)) is None:
            warning = f"the API has no Node {node or 'of this host'}, so that nothing can be said of the pods here"
            return {"changed": False, "phantoms": [], "warnings": [warning]}
        found = look(runner, client, node, module.params["timeout"])
    if clear and not module.check_mode:
        for sandbox in found:
            runner.run(["crictl", "stopp", sandbox.id], timeout=STOP_SECONDS)
            runner.run(["crictl", "rmp", sandbox.id], timeout=STOP_SECONDS)
    return {"changed": bool(clear and found), "phantoms": [sandbox.as_dict() for sandbox in found]}


def main() -> None:
    """Entry point."""
    options = {
        "clear": {"type": "bool", "default": False},
        "timeout": {"type": "int", "default": 30},
    }
    run_module(AnsibleModule(options, supports_check_mode=True), run)


if __name__ == "__main__":
    main()
