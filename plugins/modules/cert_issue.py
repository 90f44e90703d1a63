#!/usr/bin/python
# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Edge of cert_issue on the host that uses the certificates; the action drives both hosts."""

from __future__ import annotations

DOCUMENTATION = r"""
module: cert_issue
short_description: Keep certificates on a host, signed by a CA on another
version_added: 1.0.0
author: kubeops.cluster contributors (@kubeops)
description:
  - Issues what is missing, wrong or due, and leaves alone what is good. Wrong means another subject, other names or
    usages than wanted, a key that does not belong to it, or another CA.
  - An action. Keys are made on the host that uses them and stay there, the CA's key stays on its own host. What travels
    is requests and certificates, which are public.
  - While the CA's host is out of reach, certificates that are good by the copy in O(authority.dest) are left alone with
    a warning; only what is due fails.
  - A key waits beside the one in use (C(.new)) until its certificate is there and proved to fit; what is replaced is
    kept below C(/var/lib/kubeops/backups).
requirements:
  - The Python library C(cryptography) on both hosts, 36 or newer.
extends_documentation_fragment:
  - kubeops.cluster.attributes.reads
  - kubeops.cluster.key_files
options:
  authority:
    description: The CA, see M(kubeops.cluster.cert_authority).
    type: dict
    required: true
    suboptions:
      host:
        description: Inventory name of the host that holds the CA. It may be this host.
        type: str
        required: true
      cert:
        description: Path of the CA's certificate on that host.
        type: path
        required: true
      key:
        description: Path of the CA's key on that host.
        type: path
        required: true
      dest:
        description: Where this host keeps the CA's certificate. Empty means nowhere.
        type: path
        default: ''
  certificates:
    description: What this host needs.
    type: list
    elements: dict
    required: true
    suboptions:
      cert:
        description: Path of the certificate, PEM, mode 0644.
        type: path
        required: true
      key:
        description: Path of the key, PEM, mode 0600.
        type: path
        required: true
      common_name:
        description: Common name of the subject.
        type: str
        required: true
      organizations:
        description: Organizations of the subject.
        type: list
        elements: str
        default: []
      dns_names:
        description: DNS names.
        type: list
        elements: str
        default: []
      ip_addresses:
        description: Addresses.
        type: list
        elements: str
        default: []
      usages:
        description: What the certificate is good for.
        type: list
        elements: str
        choices: [server, client]
        default: [client]
  valid_for:
    description: How long certificates are valid, as C(365d), C(12h) or C(30m). They end with the CA at the latest.
    type: str
    default: 365d
  renew_before:
    description: How long before its end a certificate is issued anew.
    type: str
    default: 30d
  ca_certificate:
    description: Given by the action. Empty means the one in O(authority.dest).
    type: str
    default: ''
  plan_only:
    description: Given by the action - whether nothing is made.
    type: bool
    default: false
  signed:
    description: Given by the action - certificate by path.
    type: dict
    default: {}
"""

EXAMPLES = r"""
- name: Certificates of an etcd member
  kubeops.cluster.cert_issue:
    authority:
      host: "{{ groups['etcd'][0] }}"
      cert: /etc/etcd/pki/ca.crt
      key: /etc/etcd/pki/ca.key
      dest: /etc/etcd/pki/ca.crt
    certificates:
      - cert: /etc/etcd/pki/server.crt
        key: /etc/etcd/pki/server.key
        common_name: "{{ inventory_hostname }}"
        dns_names: ["{{ inventory_hostname }}", localhost]
        ip_addresses: ["{{ kubeops_node_ip }}", 127.0.0.1, "::1"]
        usages: [server, client]
  register: certificates
"""

RETURN = r"""
plan:
  description: The steps, each with its reason.
  returned: success
  type: list
  elements: dict
  sample: [{"action": "issue", "target": "/etc/etcd/pki/server.crt", "reason": "ends in 12 days"}]
issued:
  description: Paths of the certificates that were, or in check mode would be, issued.
  returned: success
  type: list
  elements: str
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._core import clock, files
from ..module_utils._core.edge import run_module
from ..module_utils._core.plan import Plan
from ..module_utils._x509 import argspec, duration, issuance, issue, keep


def main() -> None:
    """Parse options and run."""
    module = AnsibleModule(
        argument_spec={
            "authority": {
                "type": "dict",
                "required": True,
                "options": {
                    "host": {"type": "str", "required": True},
                    "cert": {"type": "path", "required": True},
                    "key": {"type": "path", "required": True, "no_log": False},
                    "dest": {"type": "path", "default": ""},
                },
            },
            "certificates": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": {
                    "cert": {"type": "path", "required": True},
                    "key": {"type": "path", "required": True, "no_log": False},
                    **argspec.LEAF,
                },
            },
            "valid_for": {"type": "str", "default": "365d"},
            "renew_before": {"type": "str", "default": "30d"},
            "key_type": {"type": "str", "choices": list(issue.KEY_TYPES), "default": "rsa-2048", "no_log": False},
            "owner": {"type": "str", "default": ""},
            "group": {"type": "str", "default": ""},
            "ca_certificate": {"type": "str", "default": ""},
            "plan_only": {"type": "bool", "default": False},
            "signed": {"type": "dict", "default": {}},
        },
        supports_check_mode=True,
    )
    run_module(module, ensure)


def ensure(module: AnsibleModule) -> dict[str, Any]:
    """Observe and plan; then ask for certificates, or put those that came in place."""
    params = module.params
    duration.parse(params["valid_for"], "valid_for")
    wanted = [issuance.Wanted(entry["cert"], entry["key"], argspec.leaf(entry)) for entry in params["certificates"]]
    planned = _plan(params, wanted)
    owner = keep.Owner(params["owner"], params["group"])
    due = {step.target for step in planned.steps if step.action == keep.ISSUE}
    requests: dict[str, str] = {}
    if planned.changed and not (module.check_mode or params["plan_only"]):
        missing = [entry for entry in wanted if entry.cert in due and entry.cert not in params["signed"]]
        requests = {entry.cert: keep.request(entry, params["key_type"], owner).decode("ascii") for entry in missing}
        if not requests:
            _install(params, wanted, owner)
    return {**planned.as_result(), "issued": sorted(due), "requests": requests}


def _plan(params: dict[str, Any], wanted: list[issuance.Wanted]) -> Plan:
    renew_before = duration.parse(params["renew_before"], "renew_before")
    dest = params["authority"]["dest"]
    ca_certificate = params["ca_certificate"].encode() or (files.read_bytes(dest) if dest else None) or b""
    return keep.plan(wanted, ca_certificate, dest, clock.now(), renew_before)


def _install(params: dict[str, Any], wanted: list[issuance.Wanted], owner: keep.Owner) -> None:
    ca_cert, dest = params["ca_certificate"].encode(), params["authority"]["dest"]
    if dest:
        keep.write_certificate(dest, ca_cert, owner)
    for entry in wanted:
        if entry.cert in params["signed"]:
            keep.install(entry, params["signed"][entry.cert].encode(), ca_cert, owner, clock.now())


if __name__ == "__main__":
    main()
