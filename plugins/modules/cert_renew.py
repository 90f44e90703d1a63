#!/usr/bin/python
# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Edge of cert_renew: certificates of a control plane that are due become new ones that are served."""

from __future__ import annotations

DOCUMENTATION = r"""
module: cert_renew
short_description: Renew kubeadm's certificates on a control plane and prove that they are in use
version_added: 1.0.0
author: kubeops.cluster contributors (@kubeops)
description:
  - Renews certificates and kubeconfigs that kubeadm made, with the same subject and names and a new key. The PKI is
    saved first.
  - Restarts only what reads a file once, when it starts - the controller manager and the scheduler. API server and etcd
    take up new certificates by themselves, and it is checked on every port that they did.
  - Refuses while another control plane is not ready, or while etcd could not do without this node's member, and asks
    so again before each restart. Run it on one control plane at a time.
  - A certificate whose key is missing or belongs to another one is due too. Where it is itself the wrong one for its
    place, by its names, its usages or its CA, it is refused, since its successor would be as wrong.
  - Refuses what is missing or unreadable, what a CA signs that ended or whose key is not on this node, and what another
    CA signed than the one that is here, before any of them is renewed; so it does where a symbolic link is in the place
    of one. An C(admin.conf) that is not there or embeds no certificate is not renewed. With O(api_required) one that
    does is needed as soon as anything is due, since the cluster is asked with it.
  - See U(https://kubernetes.io/docs/tasks/administer-cluster/kubeadm/kubeadm-certs/).
requirements:
  - The Python library C(cryptography) on the node, 36 or newer.
extends_documentation_fragment:
  - kubeops.cluster.attributes.reads
  - kubeops.cluster.kubeadm.lock
options:
  select:
    description: Renew what is due, or everything.
    type: str
    choices: [due, all]
    default: due
  names:
    description:
      - Only these, by the names of C(kubeadm certs renew). Empty means every one that is on the node. With O(restore)
        only they, with their keys, are put back, and no CA. An C(admin.conf) or C(super-admin.conf) that is not there
        is passed over (RV(named)).
    type: list
    elements: str
    default: []
  renew_before:
    description: How long before its end a certificate is due, as C(30d), C(12h) or C(30m).
    type: str
    default: 30d
  valid_for:
    description:
      - How long new certificates are valid, longer than O(renew_before). They end with their CA at the latest; one that
        ends with it already is renewed only with O(select=all). A CA that ends within O(renew_before) is warned of.
    type: str
    default: 365d
  api_required:
    description:
      - Whether the API has to answer, and the other control planes to be ready. Without it certificates are renewed on
        a cluster that is down because they expired. Then run it on all control planes at once, since none of them
        serves before etcd has its quorum.
    type: bool
    default: true
  max_outage:
    description:
      - Longest time between two answers through the API's endpoint, in seconds, that still counts as reachable. What is
        asked comes out of etcd, and the server has to have a certificate of the cluster's CA.
      - The default is how long one answer may take. A slow disk makes etcd's election of a leader alone take seconds.
    type: float
    default: 5.0
  kubeconfigs:
    description:
      - Kubeconfigs elsewhere on this node, such as C(/root/.kube/config), to renew like kubeadm's own, by their own end
        and with their own subject. One that is not there is passed over; one that another CA signed is refused when it
        is due. Their names, for O(names), are their paths.
    type: list
    elements: path
    default: []
  restore:
    description:
      - Archive of an earlier run on this node to put back instead (RV(backup)), or what O(names) names of it. Refused
        where of that it holds what has ended, what does not belong together, another node's certificates, or another CA
        or another key for service accounts than the node has now. What the node has as it is in the archive is not
        judged. Put back is what kubeadm made; C(kubelet.conf) stays as it is.
    type: path
    default: ''
attributes:
  diff_mode:
    details: The plan names each certificate and why.
"""

EXAMPLES = r"""
- name: Renew what ends within 60 days
  kubeops.cluster.cert_renew:
    renew_before: 60d

- name: Put an earlier PKI back
  kubeops.cluster.cert_renew:
    restore: /var/lib/kubeops/backups/pki/20261121T120000.000000Z.tar.gz
"""

RETURN = r"""
named:
  description:
    - Of each of O(names) and O(kubeconfigs) whether it is on this node. C(admin.conf), C(super-admin.conf) and
      O(kubeconfigs) need not be on every control plane, so that each is passed over where it is not.
  returned: success
  type: dict
  sample: {"super-admin.conf": true}
plan:
  description: The steps, each with its reason. Empty where nothing is due.
  returned: success
  type: list
  elements: dict
  sample: [{"action": "renew", "target": "apiserver", "reason": "ends in 12 days"}]
backup:
  description: Archive of the PKI as it was before. Empty where nothing was renewed.
  returned: success
  type: str
served:
  description: What each port serves now, C(name), C(endpoint), C(serial). Empty where nothing was done.
  returned: success
  type: list
  elements: dict
api:
  description:
    - Reads through the API's endpoint meanwhile, C(requests), C(failed), and C(longest_outage), the longest time
      between two answers in seconds.
  returned: success
  type: dict
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._core import clock, files
from ..module_utils._core.edge import run_module
from ..module_utils._core.errors import KubeopsError
from ..module_utils._core.plan import Plan, Refused, Step
from ..module_utils._core.runner import Runner
from ..module_utils._kubeadm import argspec, journal, safety
from ..module_utils._x509 import archive, backup, duration, observe, renew, renewal, watch


def main() -> None:
    """Parse options and run."""
    module = AnsibleModule(
        argument_spec={
            "select": {"type": "str", "choices": ["due", "all"], "default": "due"},
            "names": {"type": "list", "elements": "str", "default": []},
            "renew_before": {"type": "str", "default": "30d"},
            "valid_for": {"type": "str", "default": "365d"},
            "api_required": {"type": "bool", "default": True},
            "max_outage": {"type": "float", "default": 5.0},
            "kubeconfigs": {"type": "list", "elements": "path", "default": []},
            "restore": {"type": "path", "default": ""},
            "lock_timeout": argspec.LOCK_TIMEOUT,
        },
        supports_check_mode=True,
    )
    run_module(module, ensure)


def ensure(module: AnsibleModule) -> dict[str, Any]:
    """Observe, plan, refuse or act, and look again."""
    params, runner = module.params, Runner(module)
    valid_for = duration.parse(params["valid_for"], "valid_for")
    with journal.exclusive(params["lock_timeout"]):
        observed = renew.observe(runner, params["kubeconfigs"])
        if params["restore"]:
            planned = _restore_plan(params["restore"], params["names"], observed)
        else:
            planned = _plan(observed, params, valid_for)
        safety.refuse(planned.refusals)
        if planned.changed and params["api_required"]:
            renew.require_others(renewal.over(observed.found, clock.now()))
        result = {**planned.as_result(), "named": renew.named(observed, params["names"], params["kubeconfigs"])}
        if module.check_mode or not planned.changed:
            return {**result, "backup": "", "served": [], "api": {}}
        return {**result, **_act(runner, params, planned)}


def _plan(observed: renew.Observed, params: dict[str, Any], valid_for: timedelta) -> Plan:
    renew_before = duration.parse(params["renew_before"], "renew_before")
    wish = renewal.Wish(params["select"], tuple(params["names"]), renew_before, valid_for)
    return renewal.plan(observed.found, observed.components, wish, clock.now())


def _restore_plan(path: str, names: Sequence[str], observed: renew.Observed) -> Plan:
    found = observed.found
    contents = {target: content for target, (content, __) in backup.read(path).items()}
    saved = archive.restorable(contents, found, names)
    changing = backup.differing(saved)
    present = backup.present(archive.SERVICE_ACCOUNTS)
    unfit = [
        *archive.absent(saved, found, names),
        *archive.unfit(saved, changing, found, present, observe.node_name(), clock.now()),
    ]
    fix = (
        f"name an archive of {backup.DIRECTORY} that this node made since its CAs are those of now, or name with "
        "renew_certificates_names what of this one is still good"
    )
    refused = Refused("archive_unfit", f"{path}: {'; '.join(unfit)}", "renew_certificates_restore", fix)
    return Plan(
        tuple(Step("restore", target, f"other than in {path}") for target in changing),
        (
            *renewal.unknown(found, renewal.Wish(names=tuple(names))),
            *renewal.linked(path, files.links(changing)),
            *([refused] if unfit else []),
        ),
    )


def _act(runner: Runner, params: dict[str, Any], planned: Plan) -> dict[str, Any]:
    live = params["api_required"]
    permit = renew.require_others if live else renew.require_nobody
    with watch.watching() as seen:
        saved = backup.save()
        _write(runner, params, planned)
        now = renew.observe(runner, params["kubeconfigs"])
        renew.restart(runner, renewal.restarts(now.found, now.components), permit)
        served = renew.wait_until_served(now.found, renew.SERVED_TIMEOUT if live else renew.RECOVERY_TIMEOUT)
    if live and seen.longest_outage > params["max_outage"]:
        raise KubeopsError(
            "certificates were renewed, but the API did not answer throughout",
            seen=f"{seen.failed} of {seen.requests} reads failed, {seen.longest_outage:.1f} s without an answer; "
            f"{seen.last_failure or 'answers were slow'}",
            fix="look at this control plane and the load balancer before the next one is renewed",
            details={"api": seen.as_dict(), "backup": saved},
        )
    return {"backup": saved, "served": served, "api": seen.as_dict()}


def _write(runner: Runner, params: dict[str, Any], planned: Plan) -> None:
    if params["restore"]:
        saved = backup.read(params["restore"])
        backup.put_back({step.target: saved[step.target] for step in planned.steps})
    else:
        renew.renew(
            renew.observe(runner, params["kubeconfigs"]).found,
            planned,
            duration.parse(params["valid_for"], "valid_for"),
        )


if __name__ == "__main__":
    main()
