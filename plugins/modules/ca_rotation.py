#!/usr/bin/python
# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Edge of ca_rotation: one node goes one stage further in the rotation of its CAs."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ca_rotation
short_description: Take a node one stage further in the rotation of kubeadm's CAs
version_added: 1.0.0
author: kubeops.cluster contributors (@kubeops)
description:
  - The role C(rotate_ca) runs it on every node, stage after stage. How far a node is, is read from its files each time;
    a node that is at the stage or past it is left alone, so that a run killed anywhere is taken up by the next.
  - V(made) puts the incoming CA beside the one in use, on control planes. V(trusted) makes the node trust both.
    V(signed) lets the incoming CA sign, replaces every certificate that the old one signed, and ends when every port of
    the node serves what is on disk. V(moved) gets the
    kubelet a new client certificate. V(dropped) takes the old CA away. V(finished) removes what only the rotation
    needed.
  - Only what reads its files once, when it starts, restarts, and in V(signed) the API server, which keeps its client
    certificate for kubelets for up to five minutes. Before each restart on a control plane it is asked whether
    etcd keeps its quorum, and whether the other control planes are ready. Run it on one control plane at a time.
  - Follows U(https://kubernetes.io/docs/tasks/tls/manual-rotation-of-ca-certificates/).
requirements:
  - The Python library C(cryptography) on the node, 36 or newer.
extends_documentation_fragment: kubeops.cluster.attributes.reads
options:
  stage:
    description: The stage to reach. V(observed) only looks.
    type: str
    choices: [observed, made, trusted, signed, moved, dropped, finished]
    default: observed
  authorities:
    description: The CAs to rotate. A worker has to do with the cluster's alone.
    type: list
    elements: str
    choices: [ca, etcd-ca, front-proxy-ca]
    default: [ca, etcd-ca, front-proxy-ca]
  holder:
    description:
      - Host of the inventory that makes the incoming CAs, or has them. Certificates go from there to every other node,
        keys to every other control plane. Neither appears in a log or a result.
    type: str
    default: ''
  made_before:
    description:
      - CAs that were made before this moment are due, ISO 8601, for instance V(2026-11-21) or V(2026-11-21T12:00:00Z).
        Empty means those that end within O(ends_within). A moment in the future is refused.
    type: str
    default: ''
  ends_within:
    description: CAs that end within this time are due, as C(365d).
    type: str
    default: 365d
  valid_for:
    description: How long new certificates are valid. They end with their CA at the latest.
    type: str
    default: 365d
  ca_valid_for:
    description: How long a new CA is valid, longer than O(ends_within).
    type: str
    default: 3650d
  key_type:
    description: Kind of a new CA's key. Empty means that of the CA it replaces.
    type: str
    choices: ['', rsa-2048, rsa-3072, rsa-4096, ecdsa-p256, ecdsa-p384, ecdsa-p521]
    default: ''
  kubeconfigs:
    description:
      - Kubeconfigs elsewhere on a control plane, such as C(/root/.kube/config), that follow kubeadm's own from stage to
        stage, each with its own subject. One that is not there is passed over. One that another CA signed, or that is
        not written as kubeadm writes it, is left alone, with a warning.
    type: list
    elements: path
    default: []
  lock_timeout:
    description: Seconds to wait for another run that still works on this node.
    type: int
    default: 300
  pairs:
    description: Used between the two halves of this action, which fetches them from O(holder).
    type: dict
    default: {}
attributes:
  diff_mode:
    details: The plan names each file and why.
"""

EXAMPLES = r"""
- name: How far is the rotation
  kubeops.cluster.ca_rotation:

- name: Trust both CAs, one control plane at a time
  kubeops.cluster.ca_rotation:
    stage: trusted
    authorities: [ca]
    holder: cp1
  throttle: 1
"""

RETURN = r"""
authorities:
  description:
    - For each CA on the node C(name), C(reached) (V(nothing) where no rotation is under way, else a stage), C(due).
    - Also C(subject), C(not_before), C(not_after) and C(fingerprint) of the CA that signs, and C(incoming), the
      fingerprint of the one that comes.
  returned: success
  type: list
  elements: dict
  sample: [{"name": "ca", "reached": "trusted", "due": true}]
behind:
  description: Certificates of the node that the old CA signed, of CAs that are being rotated.
  returned: success
  type: list
  elements: str
  sample: [kubelet-client]
node_name:
  description: Name of the Node object, empty where the machine has none.
  returned: success
  type: str
plan:
  description: The steps, each with its reason. Empty where the node is at the stage or past it.
  returned: success
  type: list
  elements: dict
  sample: [{"action": "restart", "target": "etcd", "reason": "it read /etc/kubernetes/pki/etcd/ca.crt when it started"}]
backup:
  description: Archive of the PKI as it was before. Empty where nothing was made.
  returned: success
  type: str
"""

from datetime import datetime, timezone
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._ca import act, model, plan, probe
from ..module_utils._core import clock, files
from ..module_utils._core.edge import run_module
from ..module_utils._core.errors import KubeopsError, Refusal
from ..module_utils._core.plan import Plan, Step
from ..module_utils._core.runner import Runner
from ..module_utils._kubeadm import argspec, journal, safety
from ..module_utils._kubeadm import probe as kubernetes
from ..module_utils._x509 import backup, duration, issue


def main() -> None:
    """Parse options and run."""
    module = AnsibleModule(
        argument_spec={
            "stage": {"type": "str", "choices": [model.OBSERVED, *model.STAGES], "default": model.OBSERVED},
            "authorities": {
                "type": "list",
                "elements": "str",
                "choices": list(model.NAMES),
                "default": list(model.NAMES),
            },
            "holder": {"type": "str", "default": ""},
            "made_before": {"type": "str", "default": ""},
            "ends_within": {"type": "str", "default": "365d"},
            "valid_for": {"type": "str", "default": "365d"},
            "ca_valid_for": {"type": "str", "default": "3650d"},
            "kubeconfigs": {"type": "list", "elements": "path", "default": []},
            "key_type": {"type": "str", "choices": ["", *issue.KEY_TYPES], "default": "", "no_log": False},
            "lock_timeout": argspec.LOCK_TIMEOUT,
            "pairs": {"type": "dict", "default": {}, "no_log": True},
        },
        supports_check_mode=True,
    )
    run_module(module, ensure)


def ensure(module: AnsibleModule) -> dict[str, Any]:
    """Observe, plan, refuse or act, and look again."""
    params = module.params
    durations = {name: duration.parse(params[name], name) for name in ("ends_within", "valid_for", "ca_valid_for")}
    due_before = _moment(params["made_before"])
    model.require_an_end(due_before, durations["ca_valid_for"], durations["ends_within"], clock.now())
    with journal.exclusive(params["lock_timeout"]):
        if params["stage"] == model.MADE:
            planned, saved = _make(module, durations["ca_valid_for"])
        else:
            planned, saved = _go(module, durations["valid_for"]), ""
        node = _observe(module)
    authorities = [_described(one, due_before, durations["ends_within"]) for one in node.authorities.values()]
    return {
        **planned.as_result(),
        "authorities": authorities,
        "behind": node.behind(model.MOVED),
        "node_name": kubernetes.own_node_name(),
        "backup": saved,
        # Once: what keeps a kubeconfig from going along stays the same from stage to stage.
        "warnings": node.warnings() if params["stage"] == model.OBSERVED else (),
    }


def _observe(module: AnsibleModule) -> model.Node:
    certificates = {name: pair["certificate"] for name, pair in module.params["pairs"].items()}
    return probe.observe(Runner(module), module.params["authorities"], certificates, module.params["kubeconfigs"])


def _go(module: AnsibleModule, valid_for: Any) -> Plan:
    """Reach a stage after the first."""
    stage = module.params["stage"]
    if stage == model.OBSERVED:
        return Plan()
    planned = plan.plan(stage, _observe(module))
    safety.refuse(planned.refusals)
    if module.check_mode:
        return planned
    if planned.changed:
        _carry_out(module, planned, valid_for)
    _wait(module)
    return planned


def _carry_out(module: AnsibleModule, planned: Plan, valid_for: Any) -> None:
    stage, runner = module.params["stage"], Runner(module)
    act.carry_out(runner, planned, valid_for, module.params["kubeconfigs"])
    act.restart(runner, _restarts(planned, plan.plan(stage, _observe(module))))
    _verify(plan.plan(stage, _observe(module)))


def _wait(module: AnsibleModule) -> None:
    """For what files do not prove, in every run: one that was killed may have ended before this."""
    stage = module.params["stage"]
    if stage not in (model.TRUSTED, model.SIGNED):
        return
    node = _observe(module)
    cluster = node.authorities.get(model.CLUSTER)
    if stage == model.TRUSTED and cluster and cluster.next_key:
        act.wait_until_trusted(cluster.place)
    if stage == model.SIGNED and node.control_plane and any(one.incoming for one in node.authorities.values()):
        act.wait_until_served(Runner(module))


def _restarts(planned: Plan, now: Plan) -> list[Step]:
    """What the files say now, and the kubelet where it shall ask anew: a file that is gone says nothing."""
    due = [step for step in now.steps if step.action == plan.RESTART]
    asked = any(step.action == plan.KUBELET_SERVER for step in planned.steps)
    return (
        due
        if not asked or any(step.target == act.KUBELET for step in due)
        else [*due, Step(plan.RESTART, act.KUBELET, "it asks when it starts")]
    )


def _verify(left: Plan) -> None:
    if left.changed:
        raise KubeopsError(
            "the stage was carried out, but the node still differs",
            seen="; ".join(f"{step.target}: {step.reason}" for step in left.steps),
            fix="run rotate_ca again: it goes on here",
        )


def _make(module: AnsibleModule, valid_for: Any) -> tuple[Plan, str]:
    """Make the incoming CAs, or write those that another control plane made."""
    pairs = module.params["pairs"]
    chosen = [probe.authority(place) for place in _chosen(module)]
    planned = plan.made(chosen, list(pairs))
    safety.refuse(planned.refusals)
    if not planned.changed or module.check_mode:
        return planned, ""
    targets = {step.target for step in planned.steps}
    missing = [one for one in chosen if one.place.next_cert in targets]
    for one in missing:
        _require_able(one)
    saved = backup.save()
    for one in missing:
        if one.name in pairs:
            pair = pairs[one.name]
            act.put(one.place, pair["certificate"].encode("ascii"), pair["key"].encode("ascii"))
        else:
            kind = module.params["key_type"] or issue.key_type(files.read_bytes(one.place.cert) or b"")
            act.make(one.place, one.bundle, kind, valid_for)
    return planned, saved


def _chosen(module: AnsibleModule) -> list[model.Place]:
    return [place for place in probe.places() if place.name in module.params["authorities"] and probe.control_plane()]


def _require_able(one: model.Authority) -> None:
    model.require_one(one)
    if not one.key:
        raise Refusal(
            "the key of the CA is not on this control plane",
            seen=f"{one.place.key} is missing",
            fix="put the key in place for the rotation; a CA whose key never comes here has to be rotated by hand",
            rule="ca_external",
        )


def _described(one: model.Authority, due_before: datetime | None, ends_within: Any) -> dict[str, Any]:
    signs = one.bundle[0]
    # Certificates begin a little before they are made.
    made, left = signs.not_before + issue.CLOCK_SKEW, signs.not_after - clock.now()
    old = made < due_before if due_before else left < ends_within
    return {
        "name": one.name,
        "reached": one.reached,
        "due": old and one.incoming is None,
        "subject": signs.subject,
        "not_before": signs.not_before.isoformat(),
        "not_after": signs.not_after.isoformat(),
        "fingerprint": signs.fingerprint,
        "incoming": one.incoming.fingerprint if one.incoming else "",
    }


def _moment(text: str) -> datetime | None:
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError as error:
        raise KubeopsError(
            "made_before is no moment", seen=repr(text), fix="write it as 2026-11-21 or 2026-11-21T12:00:00Z"
        ) from error
    return moment.astimezone(timezone.utc) if moment.tzinfo else moment.replace(tzinfo=timezone.utc)


if __name__ == "__main__":
    main()
