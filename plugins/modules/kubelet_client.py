#!/usr/bin/python
# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Edge of kubelet_client on the node; the action has the certificate signed by a control plane."""

from __future__ import annotations

DOCUMENTATION = r"""
module: kubelet_client
short_description: Repair the identity of a kubelet whose client certificate was not rotated
version_added: 1.0.0
author: kubeops.cluster contributors (@kubeops)
description:
  - Leaves a kubelet alone whose client certificate is good. Where it ended, is missing, or belongs to another CA or
    key, the node gets a new one, C(kubelet.conf) names the file that the kubelet rotates, and the kubelet restarts.
  - Refuses where the cluster's CA signed the certificate for another node than O(node_name), which would be a new Node.
  - A serving certificate that the kubelet had signed itself and that ends soon is taken away, so that it makes a new
    one. One that somebody else put in its place is warned of, and one that the kubelet is told of is not looked at.
  - An action. The key is made on the node and stays there; a control plane that holds the CA's key signs the request.
    No API server is needed, except for O(wait_ready). Where no control plane has that key, as of an external CA, what
    needs no signature is done all the same, and a kubelet that needs one is refused with the way out.
  - What is replaced is kept below C(/var/lib/kubeops/backups).
  - These are the steps of
    U(https://kubernetes.io/docs/setup/production-environment/tools/kubeadm/troubleshooting-kubeadm/#kubelet-client-cert).
requirements:
  - The Python library C(cryptography) on the node and on the control planes, 36 or newer.
extends_documentation_fragment: kubeops.cluster.attributes.reads
options:
  node_name:
    description: Name of the node's Node.
    type: str
    required: true
  server:
    description: URL of the API for a C(kubelet.conf) that has to be made. Empty takes the one that is there.
    type: str
    default: ''
  renew_before:
    description:
      - How long before its end a client certificate counts as not rotated, a time (V(1d)), a part of its lifetime
        (V(5%)), or both with a comma, of which the smaller counts.
    type: str
    default: 1d,5%
  serving_renew_before:
    description: The same for a serving certificate that the kubelet had signed itself.
    type: str
    default: 30d,10%
  serving_only:
    description: Whether to look at that serving certificate alone. No control plane is asked then.
    type: bool
    default: false
  valid_for:
    description: How long the new certificate is valid. It ends with the CA at the latest.
    type: str
    default: 365d
  wait_ready:
    description: Whether to wait until the cluster says that the node is Ready.
    type: bool
    default: true
  timeout:
    description: Seconds to wait for that.
    type: float
    default: 120.0
  ca_certificate:
    description: Given by the action.
    type: str
    default: ''
  signed:
    description: Given by the action.
    type: str
    default: ''
  no_signer:
    description: Given by the action.
    type: str
    default: ''
attributes:
  diff_mode:
    details: The plan names each file and why.
"""

EXAMPLES = r"""
- name: Repair the kubelet of this node, if it needs that
  kubeops.cluster.kubelet_client:
    node_name: "{{ inventory_hostname }}"
"""

RETURN = r"""
plan:
  description: The steps, each with its reason. Empty where the kubelet is well.
  returned: success
  type: list
  elements: dict
  sample: [{"action": "restart", "target": "kubelet", "reason": "it reads these files when it starts"}]
control_plane:
  description: Inventory name of the control plane that signed.
  returned: success
  type: str
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._core import clock
from ..module_utils._core.edge import run_module
from ..module_utils._core.runner import Runner
from ..module_utils._kubeadm import safety
from ..module_utils._kubelet import identity, repair
from ..module_utils._x509 import duration, policy


def main() -> None:
    """Parse options and run."""
    module = AnsibleModule(
        argument_spec={
            "node_name": {"type": "str", "required": True},
            "server": {"type": "str", "default": ""},
            "renew_before": {"type": "str", "default": "1d,5%"},
            "serving_renew_before": {"type": "str", "default": "30d,10%"},
            "serving_only": {"type": "bool", "default": False},
            "valid_for": {"type": "str", "default": "365d"},
            "wait_ready": {"type": "bool", "default": True},
            "timeout": {"type": "float", "default": 120.0},
            "ca_certificate": {"type": "str", "default": ""},
            "signed": {"type": "str", "default": ""},
            "no_signer": {"type": "str", "default": ""},
        },
        supports_check_mode=True,
    )
    run_module(module, ensure)


def ensure(module: AnsibleModule) -> dict[str, Any]:
    """Observe and plan; then ask for a certificate, or act."""
    params = module.params
    duration.parse(params["valid_for"], "valid_for")
    wanted = _wanted(params)
    if params["serving_only"]:
        planned = identity.plan_serving(repair.observe(), wanted.serving_renew_before, clock.now())
    else:
        planned = identity.plan(repair.observe(), wanted, clock.now())
    safety.refuse((*planned.refusals, *identity.unsignable(planned, wanted.node_name, params["no_signer"])))
    if module.check_mode or not planned.changed:
        return {**planned.as_result(), "request": ""}
    if identity.needs_signature(planned) and not params["signed"]:
        return {**planned.as_result(), "request": repair.request(wanted)}
    repair.act(Runner(module), planned, wanted, params["signed"].encode())
    if params["wait_ready"]:
        repair.wait_until_ready(params["timeout"])
    return {**planned.as_result(), "request": ""}


def _wanted(params: dict[str, Any]) -> identity.Wanted:
    before, serving = (policy.threshold(params[name], name) for name in ("renew_before", "serving_renew_before"))
    return identity.Wanted(params["node_name"], params["ca_certificate"].encode(), before, params["server"], serving)


if __name__ == "__main__":
    main()
