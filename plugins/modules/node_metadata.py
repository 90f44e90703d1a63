#!/usr/bin/python
# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Edge of node_metadata: wanted labels and taints in, patched Nodes out."""

from __future__ import annotations

DOCUMENTATION = r"""
module: node_metadata
short_description: Labels and taints of many nodes in one call
version_added: 1.0.0
author: kubeops.cluster contributors (@kubeops)
description:
  - An action that runs the module on the first healthy host of the group C(control_plane).
  - Sets what is wanted, and removes what it set before and is no longer wanted. Labels and taints of others stay.
  - kubeadm's taint of control planes goes where C(taints) is given without it, an empty list included.
  - What was set last is kept in the Node's annotations C(kubeops.io/managed-labels) and C(kubeops.io/managed-taints).
extends_documentation_fragment: kubeops.cluster.attributes.changes
options:
  nodes:
    description:
      - Node name to C(labels) (name to value) and C(taints) (list of C(key), C(value), C(effect)).
      - Nodes that are not named are not touched.
    type: dict
    required: true
attributes:
  check_mode:
    details: Nodes that have not joined yet count as changed when something is wanted of them.
"""

EXAMPLES = r"""
- name: A node for databases
  kubeops.cluster.node_metadata:
    nodes:
      w1:
        labels:
          disk: nvme
        taints:
          - {key: dedicated, value: database, effect: NoSchedule}
  run_once: true
"""

RETURN = r"""
patched:
  description: Names of the Nodes that were or would be changed.
  returned: success
  type: list
  elements: str
control_plane:
  description: The control plane that did it.
  returned: when one answered
  type: str
"""

from collections.abc import Mapping
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._core.edge import run_module
from ..module_utils._core.errors import KubeopsError
from ..module_utils._kubeadm import api, credentials, metadata


def main() -> None:
    """Parse options and run."""
    module = AnsibleModule(
        argument_spec={"nodes": {"type": "dict", "required": True}},
        supports_check_mode=True,
    )
    run_module(module, ensure)


def ensure(module: AnsibleModule) -> dict[str, Any]:
    """Compare every Node with what is wanted, and patch those that differ."""
    before, after, patched = {}, {}, []
    with api.admin() as client:
        credentials.require_healthy(client)
        for name, wanted in sorted(module.params["nodes"].items()):
            node = _node(client, name, wanted, module.check_mode)
            change = metadata.patch(node, wanted.get("labels") or {}, wanted.get("taints"))
            if not change:
                continue
            patched.append(name)
            before[name], after[name] = metadata.summary(node), metadata.applied(node, change)
            if not module.check_mode:
                client.patch(api.object_path("nodes", name), change, api.MERGE_PATCH)
    return {"changed": bool(patched), "patched": patched, "diff": {"before": before, "after": after}}


def _node(client: api.ApiClient, name: str, wanted: Mapping[str, Any], check_mode: bool) -> dict[str, Any]:
    node = client.get(api.object_path("nodes", name))
    if node is not None:
        return node
    if check_mode or not (wanted.get("labels") or wanted.get("taints")):
        return {"metadata": {}}
    raise KubeopsError(
        f"the cluster has no Node {name}",
        seen=f"labels or taints are wanted for it, {client.url} does not know it",
        fix="let the node join first, or correct kubeops_node_name",
    )


if __name__ == "__main__":
    main()
