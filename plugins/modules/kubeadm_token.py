#!/usr/bin/python
# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Edge of kubeadm_token: lets one node in from a healthy control plane, and ends that."""

from __future__ import annotations

DOCUMENTATION = r"""
module: kubeadm_token
short_description: Grant and revoke short-lived join credentials on a control plane
version_added: 1.0.0
author: kubeops.cluster contributors (@kubeops)
description:
  - Runs on a healthy control plane. M(kubeops.cluster.kubeadm_join) calls it by itself; call it yourself for machines
    that are joined by other means.
  - Creates a bootstrap token with the value given and, with O(certificate_key), uploads the control plane certificates
    encrypted with that key.
  - Asks etcd for quorum before a control plane may join, and before an etcd member is removed.
  - Granting removes nothing. What the cluster shall forget of the node is judged first, so that the node can be stopped
    when it is known that it may join, and is removed by a call of its own.
extends_documentation_fragment:
  - kubeops.cluster.attributes.reads
  - kubeops.cluster.kubeadm.node
options:
  state:
    description: V(present) grants, V(forgotten) removes what O(forget) says from the cluster, V(absent) revokes.
    type: str
    choices: [present, forgotten, absent]
    default: present
  token:
    description: Bootstrap token. Six and sixteen characters of a-z0-9 with a dot between.
    type: str
    required: true
  certificate_key:
    description: 32 bytes in hexadecimal. Empty for a worker.
    type: str
    default: ''
  minutes:
    description: Life of the token in minutes.
    type: int
    default: 15
  forget:
    description:
      - What the cluster shall forget of the node before it joins. V(node) is its Node object, V(member) its etcd member
        too. O(state=present) refuses where that member may not be removed now.
    type: str
    choices: [nothing, node, member]
    default: nothing
  programs:
    description:
      - Versions of C(kubelet) and C(kubeadm) on the node. O(state=present) refuses a newer minor than the API server's,
        by U(https://kubernetes.io/releases/version-skew-policy/).
    type: dict
    default: {}
  encryption_file:
    description: C(EncryptionConfiguration) to hand to a joining control plane. Empty means none.
    type: path
    default: ''
attributes:
  check_mode:
    details: Reports what the cluster knows of the node; grants, removes and revokes nothing.
"""

EXAMPLES = r"""
- name: Revoke a token
  kubeops.cluster.kubeadm_token:
    state: absent
    token: "{{ lookup('ansible.builtin.file', 'token') }}"
    node:
      name: w1
      ip: 192.0.2.11
  delegate_to: cp1
"""

RETURN = r"""
endpoint:
  description: C(host:port) by which the node joins.
  returned: when granted
  type: str
ca_cert_hashes:
  description: Hashes of the CA public keys, which the node pins.
  returned: when granted
  type: list
  elements: str
known:
  description: What the cluster knew of the node, C(node) and C(etcd_member), both bool.
  returned: when O(state=present)
  type: dict
forgotten:
  description: What was removed from the cluster.
  returned: when O(state=forgotten)
  type: list
  elements: str
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._core import clock, files
from ..module_utils._core.edge import run_module
from ..module_utils._core.runner import Runner
from ..module_utils._kubeadm import api, argspec, credentials, plan, safety


def main() -> None:
    """Parse options and run."""
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["present", "forgotten", "absent"], "default": "present"},
            "token": {"type": "str", "required": True, "no_log": True},
            "certificate_key": {"type": "str", "default": "", "no_log": True},
            "minutes": {"type": "int", "default": 15},
            "node": {"type": "dict", "required": True, "options": argspec.NODE},
            "forget": {"type": "str", "choices": ["nothing", "node", "member"], "default": "nothing"},
            "programs": {"type": "dict", "default": {}},
            "encryption_file": {"type": "path", "default": ""},
        },
        supports_check_mode=True,
    )
    run_module(module, ensure)


def ensure(module: AnsibleModule) -> dict[str, Any]:
    """Grant, forget or revoke with this control plane's admin.conf."""
    with api.admin() as client:
        credentials.require_healthy(client)
        if module.params["state"] == "present":
            return _grant(module, client)
        if module.check_mode:
            return {"changed": False}
        if module.params["state"] == "forgotten":
            return _forget(module, client)
        token_id = module.params["token"].partition(".")[0]
        return {"changed": credentials.revoke(client, token_id, bool(module.params["certificate_key"]))}


def _grant(module: AnsibleModule, client: api.ApiClient) -> dict[str, Any]:
    params, node = module.params, argspec.node(module.params["node"])
    control_plane = bool(params["certificate_key"])
    safety.refuse(plan.refuse_newer(params["programs"], credentials.version(client)))
    etcd = credentials.local_etcd()
    members = etcd.members_with_health() if etcd and (control_plane or params["forget"] == "member") else []
    known = credentials.known(client, members, node.name, node.address)
    if params["forget"] == "member":
        members = credentials.members_without(members, node.name, node.address)
    if etcd and control_plane:
        credentials.require_room(members, node.name, node.address)
    if module.check_mode:
        return {"changed": False, "known": known}
    if control_plane:
        credentials.upload_certificates(Runner(module), client, params["certificate_key"])
    credentials.grant_token(client, params["token"], credentials.expiry(clock.now(), params["minutes"]))
    return {
        "changed": True,
        "known": known,
        "endpoint": credentials.endpoint(client),
        "ca_cert_hashes": credentials.hashes(),
        "encryption_config": files.read_text(params["encryption_file"]) if params["encryption_file"] else None,
    }


def _forget(module: AnsibleModule, client: api.ApiClient) -> dict[str, Any]:
    node, what = argspec.node(module.params["node"]), module.params["forget"]
    forgotten = credentials.forget_as_asked(client, credentials.local_etcd(), node, what)
    return {"changed": bool(forgotten), "forgotten": forgotten}


if __name__ == "__main__":
    main()
