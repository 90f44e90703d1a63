#!/usr/bin/python
# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Edge of version_skew: versions in, verdicts and the road out."""

from __future__ import annotations

DOCUMENTATION = r"""
module: version_skew
short_description: Judge versions by the skew policy, and find the road to a wanted one
version_added: 1.0.0
author: kubeops.cluster contributors (@kubeops)
description:
  - Takes which version of what runs where, and gives a verdict for each rule of the version skew policy, of the support
    dates and of what a release asks of etcd, the container runtime, cgroups, flags and feature gates. Each cites its
    source.
  - With O(target), also finds the road there, a minor at a time, each step with its reason; a downgrade and a minor
    that is not available are refused.
  - Reads nothing and needs no network, so it runs anywhere, also on the controller.
extends_documentation_fragment:
  - kubeops.cluster.attributes.reads
  - kubeops.cluster.version_policy
options:
  observed:
    description:
      - What runs. C(nodes) is a list of C(name), C(control_plane), C(components) (version by name, for instance
        C(kube-apiserver), C(kubelet), C(etcd)), C(runtime), C(runtime_version), C(cgroup) (1 or 2),
        C(cgroup_v1_accepted), C(flags) and C(gates) by component, C(etcd_leader), and C(local) (components that speak
        to their own node's API server only).
      - C(coredns) is a version, C(clients) has the version of kubectl by place, C(external_etcd) versions by endpoint,
        and C(etcd_pinned) and C(coredns_pinned) say that kubeadm's configuration names an image of its own.
    type: dict
    required: true
  target:
    description: Version wanted, for instance V(1.36.3). Empty to judge only what runs.
    type: str
    default: ''
  available:
    description: Versions that can be installed, for stops on the way. Empty for the newest patch releases known.
    type: list
    elements: str
    default: []
  workers:
    description:
      - When workers are drained. With V(last_hop), their kubelets wait for as long as the policy lets them.
    type: str
    choices: [every_hop, last_hop]
    default: every_hop
  fail_level:
    description: The module fails where a verdict is that bad, or worse.
    type: str
    choices: [never, warning, error]
    default: error
"""

EXAMPLES = r"""
- name: May this cluster go to 1.36.3?
  kubeops.cluster.version_skew:
    observed:
      nodes:
        - name: cp1
          control_plane: true
          components: {kube-apiserver: 1.35.6, kubelet: 1.35.6, etcd: 3.6.6}
        - name: w1
          components: {kubelet: 1.35.6, kube-proxy: 1.35.6}
    target: 1.36.3
  delegate_to: localhost
"""

RETURN = r"""
status:
  description: The worst verdict, V(ok), V(warning) or V(error).
  returned: always
  type: str
  sample: ok
verdicts:
  description: For each rule C(rule), C(status), C(title), C(source), C(findings) and C(reason).
  returned: always
  type: list
  elements: dict
road:
  description:
    - C(target) and C(hops), each with C(kind), C(from), C(to), C(control_planes) and C(kubelets) (nodes in their order)
      and C(steps) (C(stage), C(node), C(component), C(from), C(to), C(why)). Empty without O(target).
  returned: always
  type: dict
support:
  description:
    - C(minor) that is wanted, or without a target the newest that runs, with its days C(released), C(maintenance)
      (security fixes only from then) and C(end_of_life), and C(as_of), the day on which that was known. Days are
      YYYY-MM-DD, empty where not known.
  returned: always
  type: dict
  sample:
    as_of: '2026-09-12'
    minor: '1.36'
    released: '2026-04-22'
    maintenance: '2027-04-28'
    end_of_life: '2027-06-28'
table:
  description: The same for people.
  returned: always
  type: str
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._core import clock
from ..module_utils._core.edge import run_module
from ..module_utils._core.errors import Refusal
from ..module_utils._version.judge import OPTIONS as JUDGED
from ..module_utils._version.judge import Judgement, judge_mapping

OPTIONS: dict[str, Any] = {
    "observed": {"type": "dict", "required": True},
    "target": {"type": "str", "default": ""},
    "available": {"type": "list", "elements": "str", "default": []},
    "workers": {"type": "str", "choices": ["every_hop", "last_hop"], "default": "every_hop"},
    "release_data": {"type": "dict", "default": {}},
    "end_of_life": {"type": "str", "choices": ["warning", "error"], "default": "warning"},
    "fail_level": {"type": "str", "choices": ["never", "warning", "error"], "default": "error"},
}


def judged(params: dict[str, Any]) -> Judgement:
    """The judgement; raises Refusal where the input is malformed."""
    try:
        return judge_mapping(params["observed"], {name: params[name] for name in JUDGED}, clock.now().date())
    except (ValueError, KeyError, TypeError) as error:
        raise Refusal("the versions given cannot be judged", str(error), "correct that value", rule="input") from error


def run(module: AnsibleModule) -> dict[str, Any]:
    """Judge, and fail at the level asked for."""
    judgement = judged(module.params)
    result = judgement.as_dict()
    failing = judgement.failing(module.params["fail_level"])
    if failing:
        names = ", ".join(entry.rule for entry in failing)
        raise Refusal(
            f"versions are refused by {names}; nothing has been changed",
            result["table"],
            details=result,
            rule=failing[0].rule,
        )
    return {"changed": False, **result}


def main() -> None:
    """Parse options and run."""
    run_module(AnsibleModule(argument_spec=OPTIONS, supports_check_mode=True), run)


if __name__ == "__main__":
    main()
