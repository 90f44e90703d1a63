#!/usr/bin/python
# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Edge of stale_nodes: the nodes that shall be there in, those that the cluster's data is wrong about out."""

from __future__ import annotations

DOCUMENTATION = r"""
module: stale_nodes
short_description: Nodes that the cluster's data and reality disagree about
version_added: 1.0.0
author: kubeops.cluster contributors (@kubeops)
description:
  - After a restore the data says of nodes what was true once. A condition C(Ready) may be as old as the snapshot, so
    this looks at which kubelets renew their leases now. See U(https://kubernetes.io/docs/concepts/architecture/leases/).
  - Waits for the wanted nodes, and fails unless those of O(required) have their kubelet.
  - Run it on one control plane.
extends_documentation_fragment:
  - kubeops.cluster.attributes.reads
options:
  nodes:
    description: Names of the nodes that the cluster shall have.
    type: list
    elements: str
    required: true
  clear:
    description: Whether Node objects that are not wanted, and whose kubelet does not answer, are deleted.
    type: bool
    default: false
  required:
    description: Names of nodes that must not be silent or missing. The others are only told.
    type: list
    elements: str
    default: []
  timeout:
    description: Seconds to wait for the wanted nodes.
    type: int
    default: 120
"""

EXAMPLES = r"""
- name: Which nodes does the restored data know that are no more
  kubeops.cluster.stale_nodes:
    nodes: [cp1, cp2, cp3, w1]
    required: [cp1, cp2, cp3]
  register: aftermath
"""

RETURN = r"""
nodes:
  description:
    - Names in four lists. C(alive) renewed their leases since; C(silent) are wanted and did not; C(missing) are wanted
      and have no Node object; C(stale) are not wanted and silent.
  returned: always
  type: dict
  sample: {"alive": ["cp1", "w1"], "missing": [], "silent": [], "stale": ["w7"]}
"""

import time
from dataclasses import asdict
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._aftermath import aftermath
from ..module_utils._core import clock
from ..module_utils._core.edge import run_module
from ..module_utils._core.errors import KubeopsError
from ..module_utils._kubeadm.api import ApiClient, admin, object_path

LEASES = object_path("leases", "", "kube-node-lease", "coordination.k8s.io/v1")
# Two renewals, which come every ten seconds; whatever is silent for longer has no kubelet.
LOOK_SECONDS = 25.0
POLL_SECONDS = 2.0


def items(client: ApiClient, path: str) -> list[dict[str, Any]]:
    """Objects of a list."""
    return list((client.get(path) or {}).get("items", []))


def look(client: ApiClient, wanted: list[str], required: list[str], timeout: float) -> aftermath.Nodes:
    """Watch the leases until every required node has renewed its own; for two renewals where others are silent."""
    started = clock.monotonic()
    before = aftermath.renewals(items(client, LEASES))
    while True:
        time.sleep(POLL_SECONDS)
        known = [node["metadata"]["name"] for node in items(client, object_path("nodes", ""))]
        found = aftermath.judge(wanted, known, before, aftermath.renewals(items(client, LEASES)))
        waited = clock.monotonic() - started
        open_questions = set(required) & {*found.silent, *found.missing}
        if waited > timeout or (not open_questions and (waited > LOOK_SECONDS or not (found.stale or found.silent))):
            return found


def run(module: AnsibleModule) -> dict[str, Any]:
    """Look, clear where asked to, tell."""
    params = module.params
    with admin() as client:
        found = look(client, params["nodes"], params["required"], params["timeout"])
        if params["clear"] and not module.check_mode:
            for name in found.stale:
                client.delete(object_path("nodes", name))
    if set(params["required"]) & {*found.silent, *found.missing}:
        raise KubeopsError(
            "nodes of the cluster have no kubelet that the API knows",
            seen=f"silent: {', '.join(found.silent) or 'none'}; no Node object: {', '.join(found.missing) or 'none'}",
            fix="on those nodes: systemctl restart kubelet, which registers anew; journalctl -u kubelet",
            details={"nodes": asdict(found)},
        )
    return {"changed": bool(params["clear"] and found.stale), "nodes": asdict(found)}


def main() -> None:
    """Entry point."""
    options = {
        "nodes": {"type": "list", "elements": "str", "required": True},
        "clear": {"type": "bool", "default": False},
        "required": {"type": "list", "elements": "str", "default": []},
        "timeout": {"type": "int", "default": 120},
    }
    run_module(AnsibleModule(options, supports_check_mode=True), run)


if __name__ == "__main__":
    main()
