#!/usr/bin/python
# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Edge of etcd_member: a state asked for in, members as wanted out."""

from __future__ import annotations

DOCUMENTATION = r"""
module: etcd_member
short_description: List, add, promote, remove, defragment and lead etcd members, under quorum
version_added: 1.0.0
author: kubeops.cluster contributors (@kubeops)
description:
  - Looks at the members of an etcd cluster and changes one thing, over etcd's HTTPS gateway. No etcdctl is needed.
    Where the gateway is switched off (C(--enable-grpc-gateway=false)), C(etcdctl) lists members and alarms, alarms are
    lifted over gRPC, and nothing else can be changed.
  - What would cost the quorum, or leave the cluster without one, is refused with the arithmetic. See
    U(https://etcd.io/docs/v3.6/faq/#what-is-failure-tolerance).
  - It changes the list of members, and starts or stops no etcd. M(kubeops.cluster.etcd_instance) makes a host a member.
extends_documentation_fragment:
  - kubeops.cluster.attributes.changes
  - kubeops.cluster.etcd
  - kubeops.cluster.etcd_programs
options:
  state:
    description:
      - V(listed) only looks.
      - V(learner) announces a member at O(peer_urls) that has no vote yet, unless one is listed with these already.
      - V(voter) gives a learner its vote. etcd refuses for as long as it is behind the leader.
      - V(absent) removes a member, unless none such is listed.
      - V(leader) hands leadership to O(name), before the one that leads is stopped. An election costs writes, this does
        not.
      - V(defragmented) gives free space in the databases back to the disk, of one member after the other and of the
        leader last, each only while all voters answer. A member does not answer meanwhile.
      - V(disarmed) lifts the alarms. An alarm for space that is still missing comes back; defragment first.
    type: str
    choices: [listed, learner, voter, absent, leader, defragmented, disarmed]
    default: listed
  name:
    description:
      - Name or id of the member that O(state) is about. For O(state=defragmented) and O(state=disarmed) it may be left
        out, which means all.
    type: str
    default: ''
  peer_urls:
    description: Peer URLs of the member to announce. With O(state=voter) and O(state=absent) they name it instead of
      O(name).
    type: list
    elements: str
    default: []
  free_share:
    description:
      - For O(state=defragmented) - a database is defragmented if at least this share of it is free space, between 0 and
        1.
    type: float
    default: 0.2
  timeout:
    description: Seconds to wait until a change shows - the learner caught up, the leader leads, the member is healthy
      again.
    type: int
    default: 120
"""

EXAMPLES = r"""
- name: Look at the members
  kubeops.cluster.etcd_member:
  register: etcd

- name: Defragment all of them, one at a time
  kubeops.cluster.etcd_member:
    state: defragmented

- name: Another member leads before cp1 is stopped
  kubeops.cluster.etcd_member:
    state: leader
    name: cp2

- name: Remove a member whose machine is gone
  kubeops.cluster.etcd_member:
    state: absent
    name: cp3
"""

RETURN = r"""
members:
  description:
    - The members after the change, each with what it says of itself. Sizes are in bytes, ids decimal numbers as
      strings. C(healthy) is whether it answered without errors, C(works) whether it counts for a quorum, as one
      that only reached its quota (the alarm C(NOSPACE)) does.
  returned: success
  type: list
  elements: dict
  sample: [{"client_urls": ["https://192.0.2.11:2379"], "db_size": 25165824, "db_size_in_use": 20971520, "errors": [],
            "healthy": true, "id": "6662698563040693991", "is_leader": true, "is_learner": false, "name": "cp1",
            "peer_urls": ["https://192.0.2.11:2380"], "raft_index": 1304, "revision": 1301, "version": "3.6.8",
            "works": true}]
alarms:
  description: Alarms after the change.
  returned: success
  type: list
  elements: dict
  sample: [{"alarm": "NOSPACE", "member": "cp1"}]
plan:
  description: The steps, each with its reason. Empty where nothing had to change.
  returned: success
  type: list
  elements: dict
  sample: [{"action": "defragment", "reason": "41 % of 25165824 bytes are free", "target": "cp2"}]
quorum:
  description:
    - How many voters there are, how many are healthy, how many are needed, and how many more may be lost. Those that
      only reached their quota are not healthy, and count for what may be lost.
  returned: success
  type: dict
  sample: {"healthy": 3, "may_be_lost": 1, "needed": 2, "voters": 3}
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._core.edge import run_module
from ..module_utils._core.runner import Runner
from ..module_utils._etcd import argspec, change, keep, members


def run(module: AnsibleModule) -> dict[str, Any]:
    """Observe, plan, refuse or act, observe again."""
    params = module.params
    wanted = members.Wanted(params["state"], params["name"], tuple(params["peer_urls"]), params["free_share"])
    with keep.reachable(argspec.gateways(params), argspec.source(params, Runner(module))) as endpoints:
        return change.run(wanted, endpoints, float(params["timeout"]), act=not module.check_mode)


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            **argspec.CONNECTION,
            **argspec.PROGRAMS,
            "state": {"type": "str", "choices": list(members.STATES), "default": "listed"},
            "name": {"type": "str", "default": ""},
            "peer_urls": {"type": "list", "elements": "str", "default": []},
            "free_share": {"type": "float", "default": 0.2},
            "timeout": {"type": "int", "default": 120},
        },
        required_if=[("state", "learner", ["peer_urls"]), ("state", "leader", ["name"])],
        supports_check_mode=True,
    )
    run_module(module, run)


if __name__ == "__main__":
    main()
