#!/usr/bin/python
# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Edge of kubeadm_upgrade: a version in, a node that kubeadm has brought there out."""

from __future__ import annotations

DOCUMENTATION = r"""
module: kubeadm_upgrade
short_description: Upgrade the control plane of a node, or what its kubelet reads, with kubeadm
version_added: 1.0.0
author: kubeops.cluster contributors (@kubeops)
description:
  - Reads what runs on this node and what the cluster stores, and runs C(kubeadm upgrade apply) where the cluster's
    configuration is older, else C(kubeadm upgrade node) where this node is, or its etcd. Otherwise it does nothing,
    also after a run that was killed.
  - On a control plane it first sees that every other control plane is up, and lets another etcd member lead.
  - Afterwards it sees for itself that the static pods run the version, that this node's API server is ready and says
    so, and that its etcd answers. Where they do not, it puts the manifests back that kubeadm kept, and fails. etcd
    stays on the version that it has. So does the last control plane once kubeadm has brought kube-proxy along, which
    must not be newer than an API server. Where all is well, of the copies of etcd's data that kubeadm leaves in
    C(/etc/kubernetes/tmp) each time, only the newest is kept.
  - Takes out of kubeadm's file of kubelet flags what older kubeadms wrote there and the kubelet of the version does not
    know, which only some versions of kubeadm do. The file as it was is kept below C(/var/lib/kubeops/backups).
  - etcd's manifest keeps the flags with which the member joined, so that etcd restarts once more where it moves along.
    kubeadm writes those of a new cluster, which a member that loses its disk must not begin.
  - Installs nothing; the kubeadm of the wanted version has to be on the node already.
  - Where the kubelet asks the API server of its own node only, as kubeadm 1.33 and later have it, and there are other
    control planes, it asks the cluster's endpoint while kubeadm works, for which it is restarted, before and after. It
    would wait half a minute for an API server whose etcd it is about to start
    (U(https://github.com/kubernetes/kubernetes/issues/139502)), and kubeadm waits for the kubelet's word on every
    component. Where the endpoint does not answer the kubelet, that is left as it is. After a run that was killed in
    between, the next one brings the kubelet back.
  - See U(https://kubernetes.io/docs/tasks/administer-cluster/kubeadm/kubeadm-upgrade/).
extends_documentation_fragment:
  - kubeops.cluster.attributes.changes
options:
  version:
    description: Kubernetes version, C(1.36.3) or C(v1.36.3).
    type: str
    required: true
  ignore_preflight:
    description: Names of kubeadm's preflight errors to treat as warnings.
    type: list
    elements: str
    default: []
  patches:
    description: Directory of kubeadm's patches on the node. Empty for none.
    type: path
    default: ''
  etcd_upgrade:
    description: Whether etcd moves along.
    type: bool
    default: true
  certificate_renewal:
    description: Whether kubeadm renews the certificates of this control plane.
    type: bool
    default: true
  manifests_timeout:
    description:
      - Seconds that kubeadm waits for each static pod, and that the control plane then has to become ready, also where
        it was put back.
    type: int
    default: 300
  lock_timeout:
    description: Seconds to wait for another run that still works on this node.
    type: int
    default: 1200
"""

EXAMPLES = r"""
- name: Upgrade this control plane
  kubeops.cluster.kubeadm_upgrade:
    version: 1.36.3
  throttle: 1
"""

RETURN = r"""
plan:
  description: The steps, each with its reason. Empty on a node that has nothing to do.
  returned: success
  type: list
  elements: dict
  sample: [{"action": "apply", "target": "v1.36.3", "reason": "this node runs kube-apiserver v1.35.6"}]
phases:
  description: kubeadm's phases in order, with the seconds each took.
  returned: when kubeadm ran
  type: list
  elements: dict
  sample: [{"name": "upgrade/staticpods", "seconds": 61.2}]
etcd_leader:
  description: The etcd member that leads now in place of this node's, empty where that did not lead.
  returned: when kubeadm ran
  type: str
rolled_back:
  description: What came of putting the old manifests back.
  returned: failure, where they were put back
  type: str
"""

import time
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._core.edge import run_module
from ..module_utils._core.errors import KubeopsError
from ..module_utils._core.plan import Plan, Step
from ..module_utils._core.runner import Runner
from ..module_utils._kubeadm import api, command, journal, kubelet_server, probe, safety, upgrade, upgrade_act


def main() -> None:
    """Parse options and run."""
    module = AnsibleModule(
        argument_spec={
            "version": {"type": "str", "required": True},
            "ignore_preflight": {"type": "list", "elements": "str", "default": []},
            "patches": {"type": "path", "default": ""},
            "etcd_upgrade": {"type": "bool", "default": True},
            "certificate_renewal": {"type": "bool", "default": True},
            "manifests_timeout": {"type": "int", "default": 300},
            "lock_timeout": {"type": "int", "default": 1200},
        },
        supports_check_mode=True,
    )
    run_module(module, ensure)


def ensure(module: AnsibleModule) -> dict[str, Any]:
    """Observe, plan, refuse or act, verify, with this node to ourselves."""
    params, runner = module.params, Runner(module)
    target, name = f"v{params['version'].lstrip('v')}", probe.own_node_name()
    with journal.exclusive(params["lock_timeout"]):
        settings = upgrade.Settings(**{key: params[key] for key in upgrade.Settings.__dataclass_fields__})
        seen = upgrade_act.observe(runner, target, settings, name)
        # What a check run would have installed before counts as there.
        planned = upgrade.plan(target, replace(seen, kubeadm=target) if module.check_mode else seen)
        safety.refuse(planned.refusals)
        if not planned.changed or module.check_mode:
            return planned.as_result()
        return {**planned.as_result(), **_act(runner, settings, planned, seen, name)}


def _act(
    runner: Runner, settings: upgrade.Settings, planned: Plan, seen: upgrade.Observed, name: str
) -> dict[str, Any]:
    done: dict[str, Any] = {}
    for step in planned.steps:
        if step.action == upgrade.FLAGS:
            upgrade_act.drop_flags(step.data["flags"])
        elif step.action == upgrade.SERVER:
            kubelet_server.settle(runner)
        else:
            leader = upgrade_act.prepare(name)
            with _kubelet_elsewhere(runner, seen):
                phases = _upgrade(runner, settings, step, name, last=upgrade.is_last(step.target, seen))
            done = {"phases": phases, "etcd_leader": leader}
    return done


def _kubelet_elsewhere(runner: Runner, seen: upgrade.Observed) -> AbstractContextManager[object]:
    """Only where static pods are replaced, and another control plane could answer."""
    return kubelet_server.at_endpoint(runner, api.own_url()) if seen.components and seen.others else nullcontext()


def _upgrade(runner: Runner, settings: upgrade.Settings, step: Step, name: str, *, last: bool) -> list[dict[str, Any]]:
    born, started, addons_moved = upgrade_act.etcd_manifest(), time.time(), False
    try:
        with upgrade_act.keeping_birth(runner, step.target, settings, born) as patched:
            phases = upgrade_act.act(runner, step.target, step.action, patched)
        addons_moved = last
        upgrade_act.keep_birth(runner, born)
        upgrade_act.verify(step.target, name, settings.manifests_timeout)
    except KubeopsError as error:
        outcome = _way_back(started, name, settings.manifests_timeout, addons_moved=addons_moved)
        raise _explained(error, step.target, name, outcome) from error
    upgrade_act.remove_older_etcd_copies()
    return command.describe(phases)


def _way_back(started: float, name: str, seconds: float, *, addons_moved: bool) -> str:
    """Go back where that helps; says what became of the node. kubeadm does so only while it waits for static pods."""
    if not upgrade_act.static_pods():
        return "the kubelet was not touched"
    if addons_moved:
        return (
            "it stays as it is, since kubeadm has brought kube-proxy along, which must not be newer than an API server"
        )
    return upgrade_act.roll_back(started, name, seconds)


def _explained(error: KubeopsError, target: str, name: str, outcome: str) -> KubeopsError:
    """The failure with what became of the node."""
    return KubeopsError(
        f"the upgrade of {name} to {target} failed: {error.what}",
        seen=f"{error.seen}. {name}: {outcome}",
        fix=f"{error.fix or 'look at the evidence'}; no further node is touched. The same playbook goes on from here",
        details={**error.details, "rolled_back": outcome},
    )


if __name__ == "__main__":
    main()
