#!/usr/bin/python
# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Edge of cert_external: requests out to the holder of the CA, certificates in."""

from __future__ import annotations

DOCUMENTATION = r"""
module: cert_external
short_description: Renew certificates of a CA whose key is kept elsewhere
version_added: 1.0.0
author: kubeops.cluster contributors (@kubeops)
description:
  - For control planes without C(ca.key). V(requested) makes a key for every certificate that is due and a request that
    says what the present certificate says, and writes the request to the controller, C(HOST/NAME.csr) below
    O(directory).
  - The key stays on the node, below C(/etc/kubernetes/pki/requests), until its certificate comes.
  - V(installed) takes C(HOST/NAME.crt) from there, PEM or DER. Each has to have the key, subject, names and usages of
    its request, to be signed by a CA that the cluster trusts, and to last for O(valid_for_at_least). One that does not
    forbids them all, as does a symbolic link in its place; until then nothing is replaced.
  - Afterwards what reads its certificate only when it starts restarts, and every port has to serve the new one.
  - Certificates whose CA has its key on the node are left to M(kubeops.cluster.cert_renew).
  - See U(https://kubernetes.io/docs/tasks/administer-cluster/kubeadm/kubeadm-certs/#external-ca-mode).
requirements:
  - The Python library C(cryptography) on the node, 36 or newer.
extends_documentation_fragment: kubeops.cluster.attributes.reads
options:
  state:
    description: Make requests, or install what was signed.
    type: str
    choices: [requested, installed]
    required: true
  directory:
    description: Directory on the controller that requests are written to and certificates are read from.
    type: path
    required: true
  select:
    description: Request what is due, or everything.
    type: str
    choices: [due, all]
    default: due
  names:
    description:
      - Only these, by the names of C(kubeadm certs renew). Empty means every one. An C(admin.conf) or
        C(super-admin.conf) that is not there is passed over (RV(named)).
    type: list
    elements: str
    default: []
  renew_before:
    description: How long before its end a certificate is due, as C(60d) or C(12h).
    type: str
    default: 60d
  valid_for_at_least:
    description: Certificates that end sooner are refused.
    type: str
    default: 30d
  api_required:
    description:
      - Whether the API has to answer, and the other control planes to be ready, before certificates are installed. Set
        it to false on a cluster that is down because they expired, and install on all control planes at once.
    type: bool
    default: true
  lock_timeout:
    description: Seconds to wait for another run that still works on this node.
    type: int
    default: 300
  signed:
    description: Used between the two halves of this action.
    type: dict
    default: {}
attributes:
  diff_mode:
    details: The plan names each certificate and why.
"""

EXAMPLES = r"""
- name: Requests for the company's CA
  kubeops.cluster.cert_external:
    state: requested
    directory: ~/requests

- name: What it signed, one control plane at a time
  kubeops.cluster.cert_external:
    state: installed
    directory: ~/requests
  throttle: 1
"""

RETURN = r"""
named:
  description:
    - Of each of O(names) whether it is on this node. C(admin.conf) and C(super-admin.conf) need not be on every control
      plane, so that each is passed over where it is not.
  returned: with O(state=requested)
  type: dict
  sample: {"super-admin.conf": true}
plan:
  description: The steps, each with its reason.
  returned: success
  type: list
  elements: dict
  sample: [{"action": "request", "target": "apiserver", "reason": "ends in 12 days"}]
written:
  description: Requests on the controller.
  returned: success
  type: list
  elements: str
  sample: [/home/ops/requests/cp1/apiserver.csr]
backup:
  description: Archive of the PKI as it was before. Empty where nothing was installed.
  returned: success
  type: str
served:
  description: What each port serves now, C(name), C(endpoint), C(serial). Empty where nothing was installed.
  returned: success
  type: list
  elements: dict
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._core import clock
from ..module_utils._core.edge import run_module
from ..module_utils._core.errors import Refusal
from ..module_utils._core.plan import Plan
from ..module_utils._core.runner import Runner
from ..module_utils._kubeadm import argspec, journal, safety
from ..module_utils._x509 import backup, duration, external, renew, renewal

EVERYTHING_OVER = "run again with external_ca_api_required=false, on all control planes where the whole cluster is down"


def main() -> None:
    """Parse options and run."""
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["requested", "installed"], "required": True},
            "directory": {"type": "path", "required": True},
            "select": {"type": "str", "choices": ["due", "all"], "default": "due"},
            "names": {"type": "list", "elements": "str", "default": []},
            "renew_before": {"type": "str", "default": "60d"},
            "valid_for_at_least": {"type": "str", "default": "30d"},
            "api_required": {"type": "bool", "default": True},
            "lock_timeout": argspec.LOCK_TIMEOUT,
            "signed": {"type": "dict", "default": {}},
        },
        supports_check_mode=True,
    )
    run_module(module, ensure)


def ensure(module: AnsibleModule) -> dict[str, Any]:
    """Request or install."""
    with journal.exclusive(module.params["lock_timeout"]):
        runner = Runner(module)
        return _request(module, runner) if module.params["state"] == "requested" else _install(module, runner)


def _request(module: AnsibleModule, runner: Runner) -> dict[str, Any]:
    """The requests go to the action, which compares them with what the controller has."""
    params = module.params
    wish = renewal.Wish(
        params["select"], tuple(params["names"]), duration.parse(params["renew_before"], "renew_before")
    )
    observed = renew.observe(runner)
    found = observed.found
    planned = external.plan_requests(found, wish, clock.now())
    safety.refuse(planned.refusals)
    due = [each for each in found if each.entry.name in {step.target for step in planned.steps}]
    fresh = {each.entry.name for each in due if external.waiting(each) is None}
    handed = [each for each in due if not (module.check_mode and each.entry.name in fresh)]
    requests = {each.entry.name: external.request(each).decode("ascii") for each in handed}
    steps = Plan(tuple(step for step in planned.steps if step.target in fresh), warnings=planned.warnings)
    named = renew.named(observed, wish.names)
    return {**steps.as_result(), "named": named, "requests": requests, "backup": "", "served": []}


def _install(module: AnsibleModule, runner: Runner) -> dict[str, Any]:
    least = duration.parse(module.params["valid_for_at_least"], "valid_for_at_least")
    signed = {name: pem.encode("utf-8") for name, pem in module.params["signed"].items()}
    observed = renew.observe(runner)
    planned = external.plan_install(observed.found, signed, clock.now(), least)
    _refuse_all(planned)
    restarts = renewal.restarts(observed.found, observed.components, {step.target for step in planned.steps})
    whole = Plan((*planned.steps, *restarts))
    live = module.params["api_required"]
    permit = renew.require_others if live else renew.require_nobody
    if whole.changed and live:
        renew.require_others(renewal.over(observed.found, clock.now()), EVERYTHING_OVER)
    if module.check_mode or not whole.changed:
        return {**whole.as_result(), "backup": "", "served": []}
    saved = backup.save()
    for each in [each for each in observed.found if each.entry.name in {step.target for step in planned.steps}]:
        external.install(each, signed[each.entry.name])
    now = renew.observe(runner)
    renew.restart(runner, renewal.restarts(now.found, now.components), permit)
    timeout = renew.SERVED_TIMEOUT if live else renew.RECOVERY_TIMEOUT
    served = renew.wait_until_served(now.found, timeout, external.AT_ONCE)
    return {**whole.as_result(), "backup": saved, "served": served}


def _refuse_all(planned: Plan) -> None:
    """Whoever goes back to the holder of the CA wants to know of everything at once."""
    if planned.refusals:
        first = planned.refusals[0]
        evidence = "; ".join(refused.evidence for refused in planned.refusals)
        raise Refusal("certificates are not what was asked for", evidence, first.fix, rule=first.rule)


if __name__ == "__main__":
    main()
