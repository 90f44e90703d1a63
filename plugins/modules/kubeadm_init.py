#!/usr/bin/python
# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Edge of kubeadm_init: the desired cluster in, a running first control plane out."""

from __future__ import annotations

DOCUMENTATION = r"""
module: kubeadm_init
short_description: Make the first control plane of a cluster with kubeadm
version_added: 1.0.0
author: kubeops.cluster contributors (@kubeops)
description:
  - Observes from several markers how far Kubernetes is on this node (absent, partial, complete), plans, and runs
    C(kubeadm init) only where there is no cluster yet.
  - A complete control plane is left alone; changed settings are the business of M(kubeops.cluster.kubeadm_reconfigure).
  - Refuses when another API server answers at the endpoint, and to reset a node whose etcd has other members, or does
    not say whether it has.
  - In check mode C(kubeadm init --dry-run) tells what kubeadm itself would say on a bare node.
extends_documentation_fragment:
  - kubeops.cluster.attributes.changes
  - kubeops.cluster.kubeadm.cluster
  - kubeops.cluster.kubeadm.node
  - kubeops.cluster.kubeadm.partial
  - kubeops.cluster.kubeadm.lock
seealso:
  - module: kubeops.cluster.kubeadm_join
  - name: kubeadm init
    description: Its phases.
    link: https://kubernetes.io/docs/reference/setup-tools/kubeadm/kubeadm-init/
"""

EXAMPLES = r"""
- name: First control plane
  kubeops.cluster.kubeadm_init:
    cluster:
      version: 1.36.3
      endpoint: 192.0.2.100:8443
      pod_subnet: 10.244.0.0/16
    node:
      name: cp1
      ip: 192.0.2.1
      cri_socket: unix:///run/containerd/containerd.sock
"""

RETURN = r"""
plan:
  description: The steps, each with its reason. Empty on a complete control plane.
  returned: success
  type: list
  elements: dict
  sample: [{"action": "init", "target": "cp1", "reason": "no trace of Kubernetes on this node"}]
phases:
  description: kubeadm's phases in order, with the seconds each took.
  returned: when kubeadm ran
  type: list
  elements: dict
  sample: [{"name": "certs", "seconds": 1.2}]
kubernetes:
  description: What was observed on the node last; the same as C(kubeops_node.kubernetes).
  returned: success
  type: dict
failed_phase:
  description: The phase that kubeadm blames.
  returned: when kubeadm failed
  type: str
likely_cause:
  description: The likely cause, empty when it is none we know.
  returned: when kubeadm failed
  type: str
evidence:
  description: Health and last errors of the kubelet, last log of the container that died.
  returned: when kubeadm failed
  type: dict
"""

from pathlib import Path
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
            "cluster": {"type": "dict", "required": True, "options": argspec.CLUSTER},
            "node": {"type": "dict", "required": True, "options": argspec.NODE},
            "on_partial": argspec.ON_PARTIAL,
            "lock_timeout": argspec.LOCK_TIMEOUT,
        },
        supports_check_mode=True,
    )
    run_module(module, ensure)


def ensure(module: AnsibleModule) -> dict[str, Any]:
    """Observe, plan, act, verify, with this node to ourselves."""
    runner = Runner(module)
    cluster, node = argspec.cluster(module.params["cluster"]), argspec.node(module.params["node"])
    with journal.exclusive(module.params["lock_timeout"]):
        observed = probe.probe_kubernetes(runner)
        planned = plan.plan_init(observed, node.name, module.params["on_partial"])
        safety.refuse(planned.refusals)
        if not planned.changed:
            return {**planned.as_result(), "kubernetes": observed}
        safety.require_no_other_cluster(observed, planned, cluster.endpoint)
        if module.check_mode:
            _predict(runner, observed, cluster, node)
            return {**planned.as_result(), "kubernetes": observed}
        return {**planned.as_result(), **_act(runner, observed, planned, cluster, node)}


def _predict(runner: Runner, observed: dict[str, Any], cluster: config.Cluster, node: config.Node) -> None:
    """A dry run adds truth where kubeadm, and the patches it is told to read, are there before this run."""
    patched = not node.patches or Path(node.patches).is_dir()
    if observed["state"] == "absent" and runner.which("kubeadm") and patched:
        act.dry_run_init(runner, config.init_documents(cluster, node))


def _act(
    runner: Runner, observed: dict[str, Any], planned: Plan, cluster: config.Cluster, node: config.Node
) -> dict[str, Any]:
    phases = []
    if planned.steps[0].action == plan.RESET:
        phases += act.reset(runner, node, observed["role"])
    elif plan.leftovers(observed):
        node = act.tolerant(node)
    if cluster.encryption_file:
        encryption.ensure(cluster.encryption_file)
    phases += act.init(runner, config.init_documents(cluster, node))
    return {"phases": act.describe(phases), "kubernetes": act.verify(runner, "control_plane")}


if __name__ == "__main__":
    main()
