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
    annotation of the pod template; a program reads the file when it starts. What owns other running pods with a token,
    as old as the former CAs, is named in a warning, such as a Job, a bare pod, or one with the strategy C(OnDelete).
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
  timeout:
    description: Seconds until all pods are replaced and ready.
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
control_plane:
  description: The control plane that answered.
  returned: success
  type: str
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._ca import publish, report
from ..module_utils._core.edge import run_module
from ..module_utils._core.plan import Plan
from ..module_utils._kubeadm import api, credentials, safety

KEPT = "pods that are not replaced here keep the CAs they started with, and trust no API server from signed on"


def main() -> None:
    """Parse options and run."""
    module = AnsibleModule(
        argument_spec={
            "stage": {"type": "str", "choices": [report.PUBLISHED, report.WITHDRAWN], "default": report.WITHDRAWN},
            "restart_workloads": {"type": "str", "choices": ["all", "system", "none"], "default": "all"},
            "timeout": {"type": "int", "default": 900},
        },
        supports_check_mode=True,
    )
    run_module(module, ensure)


def ensure(module: AnsibleModule) -> dict[str, Any]:
    """Publish, then restart: pods read what is published by then."""
    params = module.params
    rule = publish.Rule(exact=params["stage"] == report.WITHDRAWN)
    with api.admin() as client:
        credentials.require_healthy(client)
        steps = publish.plan(client, params["restart_workloads"], rule)
        due = [step for step in steps if step.action == "restart"]
        safety.refuse(publish.refusals(due))
        left = [] if rule.exact else publish.left_behind(client, params["restart_workloads"])
        warnings = [f"{KEPT}: {', '.join(left)}"] if left else []
        if not module.check_mode:
            publish.publish(client, rule)
            publish.restart_workloads(client, due, params["timeout"])
    return Plan(tuple(steps), warnings=tuple(warnings)).as_result()


if __name__ == "__main__":
    main()
