#!/usr/bin/python
# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Edge of node_settings: swap, kernel modules and sysctls in one call."""

from __future__ import annotations

DOCUMENTATION = r"""
module: node_settings
short_description: Swap, kernel modules and sysctls of a Kubernetes node
version_added: 1.0.0
author: kubeops.cluster contributors (@kubeops)
description:
  - Reads swap, kernel modules and sysctls in one go, plans, and sets both the live kernel and the files
    that are read at boot.
  - A module that is built into the kernel, or whose function a container's host already gives, counts as loaded.
  - A sysctl that the kernel does not have or keeps read-only is refused by name before anything is changed,
    unless it is listed in O(optional_sysctls).
options:
  swap:
    description:
      - V(off) turns swap off, comments it out of C(/etc/fstab) and masks swap units that a generator made.
      - V(tolerate) leaves swap alone; the kubelet must then run with C(failSwapOn) false
        (U(https://kubernetes.io/docs/concepts/cluster-administration/swap-memory-management/)).
    type: str
    choices: ['off', tolerate]
    default: 'off'
  modules:
    description: Kernel modules.
    type: list
    elements: str
    default: []
  modules_file:
    description: File for modules-load.d(5), written whole.
    type: path
    default: /etc/modules-load.d/kubeops.conf
  sysctls:
    description: Keys and values, as sysctl(8) writes them.
    type: dict
    default: {}
  sysctl_file:
    description:
      - File for sysctl.d(5), written whole.
      - Its default name sorts behind C(99-sysctl.conf), through which distributions read C(/etc/sysctl.conf).
    type: path
    default: /etc/sysctl.d/99-zz-kubeops.conf
  optional_sysctls:
    description: Keys of O(sysctls) that are left out, with a warning, where this kernel cannot set them.
    type: list
    elements: str
    default: []
extends_documentation_fragment:
  - kubeops.cluster.attributes.changes
"""

EXAMPLES = r"""
- name: Prepare the kernel for Kubernetes
  kubeops.cluster.node_settings:
    swap: 'off'
    modules: [overlay, br_netfilter]
    sysctls:
      net.ipv4.ip_forward: 1
      net.bridge.bridge-nf-call-iptables: 1
"""

RETURN = r"""
plan:
  description: The steps, in order, each with its reason.
  returned: success
  type: list
  elements: dict
  sample:
    - action: sysctl
      target: net.ipv4.ip_forward
      reason: is 0, wanted 1
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._core.edge import run_module
from ..module_utils._core.errors import KubeopsError, Refusal
from ..module_utils._core.runner import Runner
from ..module_utils._settings.act import apply
from ..module_utils._settings.model import Wanted
from ..module_utils._settings.plan import plan_settings
from ..module_utils._settings.probe import observe


def run(module: AnsibleModule) -> dict[str, Any]:
    """Observe, plan, act, verify; the result in the shape of RETURN."""
    params = module.params
    wanted = Wanted(
        swap_off=params["swap"] == "off",
        modules=tuple(params["modules"]),
        modules_file=params["modules_file"],
        sysctls={name: _text(value) for name, value in params["sysctls"].items()},
        sysctl_file=params["sysctl_file"],
        optional_sysctls=frozenset(params["optional_sysctls"]),
    )
    plan = plan_settings(wanted, observe(wanted))
    if plan.refusals:
        evidence = "; ".join(refusal.evidence for refusal in plan.refusals)
        raise Refusal(
            what="some sysctls cannot be set on this node",
            seen=evidence,
            fix=plan.refusals[0].fix,
            rule=plan.refusals[0].rule,
        )
    if plan.changed and not module.check_mode:
        apply(Runner(module), plan.steps)
        left = plan_settings(wanted, observe(wanted))
        if left.changed or left.refusals:
            rest = [f"{step.target}: {step.reason}" for step in left.steps]
            raise KubeopsError(what="the settings did not take", seen="; ".join(rest or [str(left.refusals)]))
    return plan.as_result()


def _text(value: Any) -> str:
    return str(int(value)) if isinstance(value, bool) else str(value)


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "swap": {"type": "str", "choices": ["off", "tolerate"], "default": "off"},
            "modules": {"type": "list", "elements": "str", "default": []},
            "modules_file": {"type": "path", "default": "/etc/modules-load.d/kubeops.conf"},
            "sysctls": {"type": "dict", "default": {}},
            "sysctl_file": {"type": "path", "default": "/etc/sysctl.d/99-zz-kubeops.conf"},
            "optional_sysctls": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    run_module(module, run)


if __name__ == "__main__":
    main()
