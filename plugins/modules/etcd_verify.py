#!/usr/bin/python
# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Edge of etcd_verify: the members wanted in, one healthy cluster or what is missing out."""

from __future__ import annotations

DOCUMENTATION = r"""
module: etcd_verify
short_description: Wait until etcd is one healthy cluster with equal content
version_added: 1.0.0
author: kubeops.cluster contributors (@kubeops)
description:
  - Waits until the members are those wanted, all answer, have the same cluster id and leader, report no errors, and the
    hash of all keys at one revision is the same on each. Alarms are told and not waited for.
  - Where the gateway is switched off (C(--enable-grpc-gateway=false)), members and their health come from C(etcdctl).
extends_documentation_fragment:
  - kubeops.cluster.attributes.reads
  - kubeops.cluster.etcd
  - kubeops.cluster.etcd_programs
options:
  members:
    description: Names of all members.
    type: list
    elements: str
    required: true
  revision:
    description: Revision that every member has to have reached.
    type: int
    default: 0
  cluster_id:
    description:
      - Id that the cluster has to have, as RV(kubeops.cluster.etcd_restore#module:cluster_id). Empty means any.
    type: str
    default: ''
  timeout:
    description: Seconds to wait.
    type: int
    default: 300
"""

EXAMPLES = r"""
- name: One cluster
  kubeops.cluster.etcd_verify:
    endpoints: ['https://192.0.2.11:2379', 'https://192.0.2.12:2379', 'https://192.0.2.13:2379']
    members: [cp1, cp2, cp3]
"""

RETURN = r"""
cluster:
  description: The cluster's id, its leader, the revision and the hash that all members have there, and the alarms.
  returned: success
  type: dict
  sample: {"alarms": [], "cluster_id": "6012025715201963436", "hash": 3149283412, "leader": "cp2",
           "revision": 1000001304}
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._core.edge import run_module
from ..module_utils._core.runner import Runner
from ..module_utils._etcd import agreement, argspec


def run(module: AnsibleModule) -> dict[str, Any]:
    """Wait and tell."""
    params = module.params
    wanted = agreement.Wanted(frozenset(params["members"]), params["revision"], params["cluster_id"])
    source = argspec.source(params, Runner(module))
    return {"changed": False, "cluster": agreement.wait(argspec.gateways(params), wanted, params["timeout"], source)}


def main() -> None:
    """Entry point."""
    options = {
        **argspec.CONNECTION,
        **argspec.PROGRAMS,
        "members": {"type": "list", "elements": "str", "required": True},
        "revision": {"type": "int", "default": 0},
        "cluster_id": {"type": "str", "default": ""},
        "timeout": {"type": "int", "default": 300},
    }
    run_module(AnsibleModule(options, supports_check_mode=True), run)


if __name__ == "__main__":
    main()
