#!/usr/bin/python
# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Edge of kubeadm_reconfigure: changed settings in, a live node that runs with them out."""

from __future__ import annotations

DOCUMENTATION = r"""
module: kubeadm_reconfigure
short_description: Apply changed settings to a live node
version_added: 1.0.0
author: kubeops.cluster contributors (@kubeops)
description:
  - Lets kubeadm generate, in a scratch directory, what it would write on this node now, and compares that with the live
    static pod manifests, the kubelet's files, kubeadm's ConfigMaps and the certificate that the API server serves.
  - Writes only what differs, one component after the other, and waits until each is healthy with the new settings.
    One that is not gets its old file back. What nodes that join are given, kubeadm's ConfigMaps, is written last.
  - Restarts nothing while another control plane is not ready, nor etcd's member where etcd would lose its quorum.
  - Where the API server of this node is down, the files of what is down are compared and replaced without it.
  - Run it on one control plane at a time (C(throttle) set to 1). A run stopped between nodes is taken up by the next,
    because every node is compared by itself.
  - Refuses another of what a cluster was made with, which is stacked or external etcd, service and pod subnet, DNS
    domain, and encryption at rest where it would end.
  - Names taken out of O(cluster.extra_sans) stay in the certificate until it is renewed for another reason.
  - See U(https://kubernetes.io/docs/tasks/administer-cluster/kubeadm/kubeadm-reconfigure/), which this automates.
extends_documentation_fragment:
  - kubeops.cluster.attributes.changes
  - kubeops.cluster.kubeadm.cluster
  - kubeops.cluster.kubeadm.node
  - kubeops.cluster.kubeadm.lock
options:
  role:
    description:
      - What the node is. On a worker only the kubelet's configuration is compared, with the cluster's, and its flags,
        with O(node).
    type: str
    choices: [control_plane, worker]
    required: true
  cluster:
    required: false
  extra:
    description:
      - For a worker - kind of a kubeadm document to fields, as it joined with. Of C(JoinConfiguration),
        C(nodeRegistration) decides the kubelet's flags.
    type: dict
    default: {}
  kubelet_config_pending:
    description:
      - For a worker in check mode - whether the control plane, in the same check run, said that it would upload
        another kubelet configuration (RV(kubelet_config_changed)). The worker would follow it.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Apply changed settings, one control plane at a time
  kubeops.cluster.kubeadm_reconfigure:
    role: control_plane
    cluster:
      version: 1.36.3
      endpoint: 192.0.2.100:8443
      extra_sans: [api.example.com]
    node:
      name: cp1
      ip: 192.0.2.1
  throttle: 1
"""

RETURN = r"""
plan:
  description: The steps, each with its reason. Empty on a node that has what is wanted.
  returned: success
  type: list
  elements: dict
  sample: [{"action": "certificate", "target": "/etc/kubernetes/pki/apiserver.crt",
            "reason": "the API server's certificate lacks api.example.com"}]
kubelet_config_changed:
  description: Whether the kubelet configuration that all nodes of the cluster follow changed, or would change.
  returned: success
  type: bool
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._core.edge import run_module
from ..module_utils._core.errors import KubeopsError, Refusal
from ..module_utils._core.plan import Plan
from ..module_utils._core.runner import Runner
from ..module_utils._kubeadm import (
    api,
    argspec,
    config,
    drift,
    encryption,
    generate,
    journal,
    reconfigure,
    safety,
)


def main() -> None:
    """Parse options and run."""
    module = AnsibleModule(
        argument_spec={
            "role": {"type": "str", "required": True, "choices": ["control_plane", "worker"]},
            "cluster": {"type": "dict", "options": argspec.CLUSTER},
            "node": {"type": "dict", "required": True, "options": argspec.NODE},
            "extra": {"type": "dict", "default": {}},
            "kubelet_config_pending": {"type": "bool", "default": False},
            "lock_timeout": argspec.LOCK_TIMEOUT,
        },
        required_if=[("role", "control_plane", ["cluster"])],
        supports_check_mode=True,
    )
    run_module(module, ensure)


def ensure(module: AnsibleModule) -> dict[str, Any]:
    """Compare, and bring the node to what is wanted with this node to ourselves."""
    with journal.exclusive(module.params["lock_timeout"]):
        node = argspec.node(module.params["node"])
        if module.check_mode and node.patches and not Path(node.patches).is_dir():
            return {**drift.FOLLOW_PATCHES.as_result(), "kubelet_config_changed": False}
        if module.params["role"] == "worker":
            return _worker(module, node)
        return _control_plane(module, argspec.cluster(module.params["cluster"]), node)


def _worker(module: AnsibleModule, node: config.Node) -> dict[str, Any]:
    runner, extra = Runner(module), module.params["extra"]
    planned = reconfigure.plan_worker(runner, node, extra)
    if planned.changed and not module.check_mode:
        reconfigure.kubelet(runner, planned)
        _verify(reconfigure.plan_worker(runner, node, extra))
    if module.check_mode and module.params["kubelet_config_pending"] and not planned.changed:
        planned = drift.FOLLOW_KUBELET_CONFIG
    return {**planned.as_result(), "kubelet_config_changed": False}


def _control_plane(module: AnsibleModule, cluster: config.Cluster, node: config.Node) -> dict[str, Any]:
    with api.admin() as client:
        safety.refuse(drift.refuse_version(cluster.version, reconfigure.own_version()))
        if cluster.encryption_file:
            encryption.require(cluster.encryption_file)
        planned = revived = _revive(module, cluster, node) if reconfigure.is_down(client) else Plan()
        if not (revived.changed and module.check_mode):
            planned = _settings(module, client, cluster, node)
            planned = replace(planned, steps=(*revived.steps, *planned.steps))
        return {**planned.as_result(), "kubelet_config_changed": drift.changes_kubelet_config(planned)}


def _revive(module: AnsibleModule, cluster: config.Cluster, node: config.Node) -> Plan:
    """Replace what keeps this node's API server down and stands otherwise than wanted, as after a bad setting."""
    runner = Runner(module)
    planned = reconfigure.plan_revival(runner, config.init_documents(cluster, node))
    if not planned.changed:
        raise Refusal(
            "the API server of this control plane does not answer, and its files are as the settings want them",
            seen=f"{api.own_url()}/readyz does not answer with 200",
            fix="its log names the reason (crictl ps --all, crictl logs): correct that setting, or repair what it "
            "needs (etcd with quorum, container runtime), then run again",
            rule="control_plane_not_healthy",
        )
    if not module.check_mode:
        reconfigure.revive(runner, planned)
    return planned


def _settings(module: AnsibleModule, client: api.ApiClient, cluster: config.Cluster, node: config.Node) -> Plan:
    runner, documents = Runner(module), config.init_documents(cluster, node)
    wanted = generate.control_plane(runner, documents, cluster.addons)
    names = reconfigure.wanted_names(cluster, node)
    live = reconfigure.observe_control_plane(client)
    safety.refuse(drift.refuse_remaking(wanted, live))
    planned = drift.plan(wanted, live, names)
    reconfigure.require_others(client, node.name, planned)
    if planned.changed and not module.check_mode:
        reconfigure.act(runner, planned, documents, client.url)
        _verify(drift.plan(wanted, reconfigure.observe_control_plane(client), names))
    return planned


def _verify(left: Plan) -> None:
    if left.changed:
        raise KubeopsError(
            "settings were applied, but the node still differs",
            seen="; ".join(f"{step.target}: {step.reason}" for step in left.steps),
            fix="run again with --diff to see what is left",
        )


if __name__ == "__main__":
    main()
