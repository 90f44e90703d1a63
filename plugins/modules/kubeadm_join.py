#!/usr/bin/python
# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Edge of kubeadm_join: credentials in, a member of the cluster out."""

from __future__ import annotations

DOCUMENTATION = r"""
module: kubeadm_join
short_description: Join this node to its cluster with kubeadm
version_added: 1.0.0
author: kubeops.cluster contributors (@kubeops)
description:
  - Observes from several markers how far Kubernetes is on this node (absent, partial, complete), plans, and runs
    C(kubeadm join) only where the node is no member yet.
  - It is an action with a module on the node. The action makes a bootstrap token (and for a control plane a certificate
    key) on the controller, grants them through the first healthy host of the group C(control_plane) that answers, for
    this one node and a few minutes, and revokes them when the join has ended, well or not.
  - No secret is in an argument list, a result, a fact or a log. On the nodes the join configuration is a file on tmpfs
    that only root can read, removed afterwards.
  - etcd is asked for quorum before a control plane joins.
  - A node whose kubelet or kubeadm is of a newer minor than the API servers is not let in.
  - With V(resume) and V(reset) of O(on_partial) the cluster has to forget the node first. The kubelet is stopped for
    that when the cluster has granted the join, not before.
extends_documentation_fragment:
  - kubeops.cluster.attributes.changes
  - kubeops.cluster.kubeadm.node
  - kubeops.cluster.kubeadm.partial
  - kubeops.cluster.kubeadm.lock
options:
  role:
    description: What the node becomes.
    type: str
    choices: [control_plane, worker]
    required: true
  token_minutes:
    description: How long the credentials live when nobody revokes them, in minutes.
    type: int
    default: 15
  encryption_file:
    description: Where a joining control plane keeps its copy of the C(EncryptionConfiguration). Empty means none.
    type: path
    default: ''
  extra:
    description: Free overlay, document kind to fields; C(JoinConfiguration) is used.
    type: dict
    default: {}
  credentials:
    description: Set by the action. C(endpoint), C(token), C(ca_cert_hashes), C(certificate_key), C(encryption_config).
    type: dict
  known:
    description: Set by the action. What the cluster knows of this node, C(node) and C(etcd_member).
    type: dict
  prepare:
    description:
      - Set by the action. Go no further than to make the node ready to be forgotten by the cluster, by recording what
        begins and stopping the kubelet.
    type: bool
    default: false
seealso:
  - module: kubeops.cluster.kubeadm_init
  - module: kubeops.cluster.kubeadm_token
"""

EXAMPLES = r"""
- name: Join as a worker
  kubeops.cluster.kubeadm_join:
    role: worker
    node:
      name: w1
      ip: 192.0.2.11
"""

RETURN = r"""
plan:
  description: The steps, each with its reason. Empty on a complete member.
  returned: success
  type: list
  elements: dict
phases:
  description: kubeadm's phases in order, with the seconds each took.
  returned: when kubeadm ran
  type: list
  elements: dict
control_plane:
  description: The control plane that let the node in.
  returned: when one was asked
  type: str
kubernetes:
  description: What was observed on the node last; the same as C(kubeops_node.kubernetes).
  returned: success
  type: dict
failed_phase:
  description:
    - The phase that kubeadm blames. With it come RV(kubeops.cluster.kubeadm_init#module:likely_cause) and
      RV(kubeops.cluster.kubeadm_init#module:evidence).
  returned: when kubeadm failed
  type: str
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._core.edge import run_module
from ..module_utils._core.plan import Plan
from ..module_utils._core.runner import Runner
from ..module_utils._kubeadm import act, argspec, config, encryption, journal, plan, probe, safety


def main() -> None:
    """Parse options and run."""
    module = AnsibleModule(
        argument_spec={
            "node": {"type": "dict", "required": True, "options": argspec.NODE},
            "role": {"type": "str", "required": True, "choices": ["control_plane", "worker"]},
            "on_partial": argspec.ON_PARTIAL,
            "lock_timeout": argspec.LOCK_TIMEOUT,
            "token_minutes": {"type": "int", "default": 15, "no_log": False},
            "encryption_file": {"type": "path", "default": ""},
            "extra": {"type": "dict", "default": {}},
            "credentials": {"type": "dict", "no_log": True},
            "known": {"type": "dict"},
            "prepare": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    run_module(module, ensure)


def ensure(module: AnsibleModule) -> dict[str, Any]:
    """Observe, plan, act, verify, with this node to ourselves."""
    runner, params = Runner(module), module.params
    known = plan.Known(**params["known"]) if params["known"] else None
    with journal.exclusive(params["lock_timeout"]):
        observed = probe.probe_kubernetes(runner)
        planned = plan.plan_join(observed, params["node"]["name"], params["role"], params["on_partial"], known)
        result = {**planned.as_result(), "kubernetes": observed}
        if known is None and plan.needs_cluster(planned):
            return {**result, "needs_control_plane": True, **_questions(runner, observed, params["on_partial"])}
        safety.refuse(planned.refusals)
        if module.check_mode or not planned.changed:
            return result
        if params["prepare"]:
            _prepare(runner, params["role"], observed, planned)
            return result
        return {**result, **_act(runner, params, observed, planned)}


def _questions(runner: Runner, observed: dict[str, Any], on_partial: str) -> dict[str, Any]:
    """What the control plane needs to know of this node before it lets it in."""
    return {"forget": plan.forget(observed, on_partial), "programs": probe.programs(runner)}


def _prepare(runner: Runner, role: str, observed: dict[str, Any], planned: Plan) -> None:
    """Keep the node from registering again. By its files alone it may look complete to the next run: it is recorded."""
    if plan.leftovers(observed):
        journal.begin(planned.steps[0].action, role)
        act.stop_kubelet(runner)


def _act(runner: Runner, params: dict[str, Any], observed: dict[str, Any], planned: Plan) -> dict[str, Any]:
    node, given = argspec.node(params["node"]), dict(params["credentials"])
    phases = []
    if plan.RESET in [step.action for step in planned.steps]:
        phases += act.reset(runner, node, observed["role"])
    elif plan.leftovers(observed):
        node = act.tolerant(node)
    if params["encryption_file"]:
        encryption.install(params["encryption_file"], given.pop("encryption_config", ""))
    credentials = config.Credentials(**{key: given[key] for key in config.CREDENTIALS if key in given})
    document = config.join_document(node, credentials, params["role"] == "control_plane", params["extra"])
    phases += act.join(runner, document, params["role"])
    return {"phases": act.describe(phases), "kubernetes": act.verify(runner, params["role"])}


if __name__ == "__main__":
    main()
