#!/usr/bin/python
# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Edge of etcd_instance: a host that shall be a member in, a running voting member out."""

from __future__ import annotations

DOCUMENTATION = r"""
module: etcd_instance
short_description: Make a host a running member of its etcd cluster
version_added: 1.0.0
author: kubeops.cluster contributors (@kubeops)
description:
  - Begins a cluster with one member, lets others join as learners that become voters once they have caught up, restarts
    a member under quorum with its leadership handed over before, and replaces one that has lost its data.
  - State is read from the members and from the data directory, so that a run killed anywhere can be run again.
  - Run it on one host at a time (C(throttle) set to 1).
  - Refuses a version that must not follow the one that runs - more than one minor ahead, an older minor, 3.6 before
    every member has 3.5.26, 3.5.0 to 3.5.2, and 3.7 with settings that are called experimental. A member that has data
    and does not answer counts with the program of its O(unit).
  - See U(https://etcd.io/docs/v3.6/op-guide/runtime-configuration/).
extends_documentation_fragment:
  - kubeops.cluster.attributes.changes
options:
  state:
    description:
      - V(present) plans and acts.
      - V(observed) only looks, and refuses a version that must not be started.
    type: str
    choices: [present, observed]
    default: present
  deployment:
    description: How etcd runs on this host, as a unit of systemd or as a static pod made by kubeadm.
    type: str
    choices: [systemd, static_pod]
    default: systemd
  name:
    description: Name of the member.
    type: str
    required: true
  address:
    description: IP address at which clients and peers reach the member.
    type: str
    required: true
  peers:
    description: Addresses of all hosts that shall be members, with or without this one.
    type: list
    elements: str
    required: true
  first:
    description: Whether this host may begin a new cluster, because no host has data of one.
    type: bool
    default: false
  replace:
    description:
      - Whether a member of this host that lost its data, or does not work with it, is removed and joins anew, quorum
        permitting. Data that is there is kept aside as C(member.<time>) in O(data_dir).
      - One that works is compared with the others, by the hash of all keys. It is replaced where a quorum of the voters
        has another content, left alone with a warning where that is its own, and refused (C(etcd_content)) where they
        do not compare.
    type: bool
    default: false
  restart:
    description: Why a running etcd has to be restarted, for instance because its settings changed. Empty means no need.
    type: str
    default: ''
  settings:
    description: Names of the settings etcd is started with, to find those that the wanted version does not know.
    type: list
    elements: str
    default: []
  binary:
    description: Program of the wanted version, where O(deployment) is V(systemd).
    type: path
    default: /usr/local/bin/etcd
  data_dir:
    description: Data directory.
    type: path
    default: /var/lib/etcd
  client_port:
    description: Port for clients.
    type: int
    default: 2379
  peer_port:
    description: Port for peers.
    type: int
    default: 2380
  ca_file:
    description: CA of etcd, on this host.
    type: path
    default: /etc/kubernetes/pki/etcd/ca.crt
  cert_file:
    description: Client certificate, on this host.
    type: path
    default: /etc/kubernetes/pki/apiserver-etcd-client.crt
  key_file:
    description: Its key.
    type: path
    default: /etc/kubernetes/pki/apiserver-etcd-client.key
  unit:
    description: Unit of systemd.
    type: str
    default: etcd.service
  birth_file:
    description: Environment file of the unit that only the first start reads; the unit removes it then.
    type: path
    default: /run/kubeops/etcd-birth.env
  timeout:
    description: Seconds that each step may take until it shows.
    type: int
    default: 180
"""

EXAMPLES = r"""
- name: Members, one at a time
  kubeops.cluster.etcd_instance:
    name: etcd2
    address: 192.0.2.42
    peers: [192.0.2.41, 192.0.2.42, 192.0.2.43]
    ca_file: /etc/etcd/pki/ca.crt
    cert_file: /etc/etcd/pki/client.crt
    key_file: /etc/etcd/pki/client.key
  throttle: 1

- name: Replace the stacked member of a control plane whose disk died
  kubeops.cluster.etcd_instance:
    deployment: static_pod
    name: cp3
    address: 192.0.2.13
    peers: [192.0.2.11, 192.0.2.12, 192.0.2.13]
    replace: true
"""

RETURN = r"""
plan:
  description: The steps, each with its reason. Empty on a member that runs as wanted.
  returned: success
  type: list
  elements: dict
  sample: [{"action": "announce", "target": "etcd2", "reason": "the cluster of 1 does not list it"}]
has_data:
  description: Whether the data directory held a member when the module began.
  returned: success
  type: bool
members:
  description: The members with their health, as one with a quorum knows them. Empty where none answers.
  returned: success
  type: list
  elements: dict
upgrade:
  description: Whether a member has another version than the wanted one.
  returned: success
  type: bool
kept:
  description: Where data that was replaced is kept.
  returned: success
  type: list
  elements: str
"""

from dataclasses import replace
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._core.edge import run_module
from ..module_utils._core.errors import KubeopsError
from ..module_utils._core.plan import Plan
from ..module_utils._core.runner import Runner
from ..module_utils._etcd import ondisk
from ..module_utils._etcd.content import AGREES
from ..module_utils._etcd.gateway import Gateway
from ..module_utils._etcd_service import plan, probe, versions
from ..module_utils._etcd_service.act import Host
from ..module_utils._etcd_service.daemon import Daemon, StaticPod, Unit

OPTIONS: dict[str, Any] = {
    "state": {"type": "str", "choices": ["present", "observed"], "default": "present"},
    "deployment": {"type": "str", "choices": ["systemd", "static_pod"], "default": "systemd"},
    "name": {"type": "str", "required": True},
    "address": {"type": "str", "required": True},
    "peers": {"type": "list", "elements": "str", "required": True},
    "first": {"type": "bool", "default": False},
    "replace": {"type": "bool", "default": False},
    "restart": {"type": "str", "default": ""},
    "settings": {"type": "list", "elements": "str", "default": []},
    "binary": {"type": "path", "default": "/usr/local/bin/etcd"},
    "data_dir": {"type": "path", "default": "/var/lib/etcd"},
    "client_port": {"type": "int", "default": 2379},
    "peer_port": {"type": "int", "default": 2380},
    "ca_file": {"type": "path", "default": "/etc/kubernetes/pki/etcd/ca.crt"},
    "cert_file": {"type": "path", "default": "/etc/kubernetes/pki/apiserver-etcd-client.crt"},
    "key_file": {"type": "path", "default": "/etc/kubernetes/pki/apiserver-etcd-client.key", "no_log": False},
    "unit": {"type": "str", "default": "etcd.service"},
    "birth_file": {"type": "path", "default": "/run/kubeops/etcd-birth.env"},
    "timeout": {"type": "int", "default": 180},
}


def run(module: AnsibleModule) -> dict[str, Any]:
    """Observe, plan, refuse or act, verify."""
    params, runner = module.params, Runner(module)
    cluster, daemon = _cluster(params), _daemon(runner, params)
    upgrade, warnings = _versions(runner, params, cluster)
    observed = probe.observe(cluster, daemon, params["data_dir"], params["restart"])
    found: dict[str, Any] = {
        "has_data": observed.has_data,
        "members": [member.as_dict() for member in observed.members or ()],
        "upgrade": upgrade,
        "kept": [],
        "warnings": warnings,
    }
    if params["state"] == "observed":
        return {"changed": False, "plan": [], **found}
    wanted = plan.Wanted(params["name"], params["address"], params["first"], params["replace"])
    compared = plan.to_compare(wanted, observed)
    if compared:
        observed = replace(observed, content=cluster.content(compared))
    decided = plan.plan(wanted, observed)
    for refused in decided.refusals:
        raise refused.as_error()
    if decided.changed and not module.check_mode:
        host = _host(params, cluster, daemon)
        host.carry_out(decided)
        found["kept"] = host.kept
        _verify(plan.plan(wanted, probe.observe(cluster, daemon, params["data_dir"], "")))
    if compared and observed.content.verdict == AGREES:
        warnings.append(
            f"{wanted.name} works, its content is that of the others, and it was not replaced; to replace it all the "
            "same, stop etcd on its host (kubeadm's with the module static_pods), and run again. "
            f"Seen: {observed.content.seen}"
        )
    warnings += cluster.alarms()
    return {**decided.as_result(), **found}


def _verify(left: Plan) -> None:
    if left.changed or left.refusals:
        raise KubeopsError(
            "the member is not what it shall be",
            seen="; ".join([step.reason for step in left.steps] + [refused.evidence for refused in left.refusals]),
            fix="run again, and look at etcd's log on this host",
        )


def _versions(runner: Runner, params: dict[str, Any], cluster: probe.Cluster) -> tuple[bool, list[str]]:
    """Whether a version changes, and what to say about settings; raises the refusal of a wrong step."""
    if params["deployment"] == "static_pod":
        return False, []  # kubeadm's business
    wanted = probe.installed_version(runner, params["binary"])
    if wanted is None:
        return False, []
    running = cluster.versions()
    own = _url(params["address"], params["client_port"])
    if own not in running:
        stopped = probe.stopped_version(runner, params["unit"], params["data_dir"])
        running |= {f"{params['name']} (which does not answer)": stopped} if stopped else {}
    for refused in versions.refusals(running, wanted, params["settings"]):
        raise refused.as_error()
    old = versions.experimental(params["settings"])
    warnings = [f"etcd 3.7 will not know {', '.join(old)}: use their successors"] if old else []
    return any(version != wanted for version in running.values()), warnings


def _cluster(params: dict[str, Any]) -> probe.Cluster:
    urls = [_url(address, params["client_port"]) for address in dict.fromkeys([*params["peers"], params["address"]])]
    # Data that would be given up may be the last of the cluster, where what answers is one that began anew.
    on_disk = ondisk.observe(params["data_dir"], identify=False).voters if params["replace"] else 0
    return probe.Cluster(Gateway("", params["ca_file"], params["cert_file"], params["key_file"]), urls, on_disk)


def _daemon(runner: Runner, params: dict[str, Any]) -> Daemon:
    peer_url = _url(params["address"], params["peer_port"])
    if params["deployment"] == "static_pod":
        return StaticPod(params["name"], peer_url)
    return Unit(runner, params["unit"], params["name"], peer_url, params["birth_file"])


def _host(params: dict[str, Any], cluster: probe.Cluster, daemon: Daemon) -> Host:
    return Host(
        cluster=cluster,
        daemon=daemon,
        name=params["name"],
        url=_url(params["address"], params["client_port"]),
        peer_url=_url(params["address"], params["peer_port"]),
        data_dir=params["data_dir"],
        timeout=float(params["timeout"]),
    )


def _url(address: str, port: int) -> str:
    return f"https://[{address}]:{port}" if ":" in address else f"https://{address}:{port}"


def main() -> None:
    """Entry point."""
    run_module(AnsibleModule(OPTIONS, supports_check_mode=True), run)


if __name__ == "__main__":
    main()
