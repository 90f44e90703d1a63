#!/usr/bin/python
# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Edge of ca_publish: what the cluster says of its CAs follows what its control planes have."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ca_publish
short_description: Publish the CAs of the control planes in the cluster, and let pods read them
version_added: 1.0.0
author: kubeops.cluster contributors (@kubeops)
description:
  - An action that runs on the first healthy host of the group C(control_plane), and takes that host's files for right.
  - Brings C(cluster-info), which nodes that join trust, and C(extension-apiserver-authentication), which aggregated API
    servers trust, to these files where they lack what O(stage) asks for. Waits until the controller manager has done so
    with C(kube-root-ca.crt) in every namespace, which pods trust.
  - During the rotation of a CA, lets Deployments, DaemonSets and StatefulSets replace their pods, once, by an
    annotation of the pod template; a program reads the file when it starts. They do so a few at a time (O(at_once)),
    those of kube-system first. One that is not ready before, and does not become so within a minute, replaces its pods
    too and is not waited for, in this run and in those that take the rotation up (RV(unready)). What owns other running
    pods with a token, as old as the former CAs, is named in a warning, such as a Job, a bare pod, or one with the
    strategy C(OnDelete).
  - Refuses a Deployment that is paused and a StatefulSet with a partition, since their pods would never be replaced.
extends_documentation_fragment: kubeops.cluster.attributes.reads
options:
  stage:
    description:
      - V(published) asks for the incoming CA, whatever else is published. V(withdrawn) asks for the CAs of the files
        and no other.
    type: str
    choices: [published, withdrawn]
    default: withdrawn
  restart_workloads:
    description:
      - Whose pods are replaced. V(system) means the namespace C(kube-system). With V(none), see yourself that
        everything that speaks to the API from a pod has been restarted before the old CA is dropped.
    type: str
    choices: [all, system, none]
    default: all
  at_once:
    description: How many of them replace their pods at the same time, 1 at least.
    type: int
    default: 10
  timeout:
    description: Seconds until the pods of these few are replaced and ready.
    type: int
    default: 900
"""

EXAMPLES = r"""
- name: Pods trust both CAs
  kubeops.cluster.ca_publish:
    stage: published
    restart_workloads: all
  run_once: true
"""

RETURN = r"""
plan:
  description: The steps, each with its reason. Empty where everything is published and read.
  returned: success
  type: list
  elements: dict
  sample: [{"action": "publish", "target": "ConfigMap kube-public/cluster-info", "reason": "nodes that join trust it"}]
unready:
  description:
    - Workloads that were not ready before their pods were to be replaced, and are not ready now. Pods of theirs may
      still hold the CAs they started with.
  returned: success
  type: list
  elements: str
  sample: [/apis/apps/v1/namespaces/shop/deployments/import]
control_plane:
  description: The control plane that answered.
  returned: success
  type: str
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._ca import publish, report
from ..module_utils._core.edge import run_module
from ..module_utils._core.errors import KubeopsError
from ..module_utils._core.plan import Plan
from ..module_utils._kubeadm import api, credentials, safety

WAS_UNREADY = (
    "not ready before their pods were to be replaced, and therefore not waited for; pods that began before keep the "
    "CAs they started with, and trust no API server from signed on"
)
KEPT = "pods that are not replaced here keep the CAs they started with, and trust no API server from signed on"


def main() -> None:
    """Parse options and run."""
    module = AnsibleModule(
        argument_spec={
            "stage": {"type": "str", "choices": [report.PUBLISHED, report.WITHDRAWN], "default": report.WITHDRAWN},
            "restart_workloads": {"type": "str", "choices": ["all", "system", "none"], "default": "all"},
            "at_once": {"type": "int", "default": 10},
            "timeout": {"type": "int", "default": 900},
        },
        supports_check_mode=True,
    )
    run_module(module, ensure)


def ensure(module: AnsibleModule) -> dict[str, Any]:
    """Publish, then restart: pods read what is published by then."""
    params = module.params
    if params["at_once"] < 1:
        raise KubeopsError(f"at_once is {params['at_once']}", fix="set rotate_ca_restart_at_once to 1 or more")
    rule = publish.Rule(exact=params["stage"] == report.WITHDRAWN)
    with api.admin() as client:
        credentials.require_healthy(client)
        steps = publish.plan(client, params["restart_workloads"], rule)
        due = [step for step in steps if step.action == "restart"]
        safety.refuse(publish.refusals(due))
        left = [] if rule.exact else publish.left_behind(client, params["restart_workloads"])
        if not module.check_mode:
            publish.publish(client, rule)
            publish.restart_workloads(client, due, params["timeout"], params["at_once"])
        unready = publish.unready(client, params["restart_workloads"])
    named = ((KEPT, left), (WAS_UNREADY, unready))
    warnings = tuple(f"{what}: {', '.join(targets)}" for what, targets in named if targets)
    return {**Plan(tuple(steps), warnings=warnings).as_result(), "unready": unready}


if __name__ == "__main__":
    main()
