#!/usr/bin/python
# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Server-side apply of a manifest."""

from __future__ import annotations

DOCUMENTATION = r"""
module: kube_apply
short_description: Apply a manifest on the server side, and only what differs
version_added: 1.0.0
description:
  - Reads the live objects, asks the API server with a server-side dry run what it would make of the manifest, and
    applies when the two differ. Defaults that the server fills in are no difference.
  - Namespaces and CustomResourceDefinitions of the manifest go first. Objects that need one which is still to be
    created are planned as C(create) without a dry run.
  - Objects that disappear from a manifest are not removed from the cluster.
  - Rules of field ownership are those of
    U(https://kubernetes.io/docs/reference/using-api/server-side-apply/).
author:
  - kubeops.cluster contributors (@kubeops)
requirements:
  - kubectl on the node
options:
  src:
    description: File on the node, with one JSON object of kind C(List) (nodes need no YAML library).
    type: path
    required: true
  kubeconfig:
    description: Credentials on the node.
    type: path
    default: /etc/kubernetes/admin.conf
  field_manager:
    description: Name under which the API server notes the fields that the manifest sets.
    type: str
    default: kubeops
  force_conflicts:
    description: Take fields over that another manager has set to a different value. Otherwise that is an error.
    type: bool
    default: false
  timeout:
    description: Seconds for each request.
    type: int
    default: 60
extends_documentation_fragment:
  - kubeops.cluster.attributes.changes
"""

EXAMPLES = r"""
- name: Apply a manifest that lies on the control plane
  kubeops.cluster.kube_apply:
    src: /run/kubeops/manifest.json
"""

RETURN = r"""
plan:
  description: One entry for each object that is (in check mode would be) created or updated.
  returned: always
  type: list
  elements: dict
  sample:
    - {action: update, target: DaemonSet kube-flannel/kube-flannel-ds, reason: it differs from the manifest}
objects:
  description: How many objects the manifest has.
  returned: always
  type: int
  sample: 6
"""

import json
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._apply import plan
from ..module_utils._apply.kubectl import Kubectl
from ..module_utils._apply.objects import Object, flatten
from ..module_utils._core import files
from ..module_utils._core.edge import run_module
from ..module_utils._core.errors import KubeopsError
from ..module_utils._core.plan import Plan
from ..module_utils._core.runner import Runner

OPTIONS: dict[str, Any] = {
    "src": {"type": "path", "required": True},
    "kubeconfig": {"type": "path", "default": "/etc/kubernetes/admin.conf"},
    "field_manager": {"type": "str", "default": "kubeops"},
    "force_conflicts": {"type": "bool", "default": False},
    "timeout": {"type": "int", "default": 60},
}


def read_manifest(path: str) -> list[Object]:
    """The objects in the file."""
    text = files.read_text(path)
    if text is None:
        raise KubeopsError(f"there is no manifest at {path} on this node")
    try:
        return flatten([json.loads(text)])
    except (ValueError, AttributeError) as error:
        raise KubeopsError(f"{path} is no Kubernetes manifest in JSON", seen=str(error)) from error


def observed_plan(kubectl: Kubectl, items: list[Object]) -> Plan:
    """Observe and decide."""
    live = kubectl.live(items)
    return plan.make(items, live, kubectl.dry_run(plan.ready_for_dry_run(items, live)))


def run(module: AnsibleModule) -> dict[str, Any]:
    """Observe, plan, act, verify."""
    options = dict(module.params)
    items = read_manifest(options.pop("src"))
    kubectl = Kubectl(Runner(module), **options)
    if module.check_mode and not Path(kubectl.kubeconfig).exists():
        return {**plan.make(items, {}, {}).as_result(), "objects": len(items)}
    decided = observed_plan(kubectl, items)
    if decided.changed and not module.check_mode:
        kubectl.apply(items)
        left = observed_plan(kubectl, items)
        if left.changed:
            raise KubeopsError(
                "objects differ from the manifest right after it was applied",
                seen=", ".join(step.target for step in left.steps),
                fix="find what else changes them (an operator, a webhook): two owners undo each other's work",
            )
    return {**decided.as_result(), "objects": len(items)}


def main() -> None:
    """Entry point."""
    run_module(AnsibleModule(OPTIONS, supports_check_mode=True), run)


if __name__ == "__main__":
    main()
