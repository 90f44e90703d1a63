#!/usr/bin/python
# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Edge of cert_sign: requests in, certificates out, on the host that holds the CA."""

from __future__ import annotations

DOCUMENTATION = r"""
module: cert_sign
short_description: Sign requests with a CA on this host
version_added: 1.0.0
author: kubeops.cluster contributors (@kubeops)
description:
  - The half of M(kubeops.cluster.cert_issue) that runs on the host of the CA. Only requests and certificates travel;
    keys stay where they were made.
  - Refuses a request that asks for anything else than the subject and names given beside it.
requirements:
  - The Python library C(cryptography) on the host, 36 or newer.
extends_documentation_fragment: kubeops.cluster.attributes.reads
options:
  cert:
    description: Path of the CA's certificate. Where it holds several, the first signs.
    type: path
    required: true
  key:
    description: Path of the CA's key.
    type: path
    required: true
  requests:
    description: What to sign. Without requests only the CA's certificate is returned.
    type: list
    elements: dict
    default: []
    suboptions:
      csr:
        description: The request, PEM.
        type: str
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
"""

EXAMPLES = r"""
- name: Sign a request that was made elsewhere
  kubeops.cluster.cert_sign:
    cert: /etc/kubernetes/pki/ca.crt
    key: /etc/kubernetes/pki/ca.key
    requests:
      - csr: "{{ lookup('ansible.builtin.file', 'monitoring.csr') }}"
        common_name: monitoring
        usages: [client]
    valid_for: 90d
"""

RETURN = r"""
ca_certificate:
  description: The CA's certificate, PEM.
  returned: success
  type: str
certificates:
  description: Certificates in the order of the requests, PEM. Empty in check mode.
  returned: success
  type: list
  elements: str
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._core import clock
from ..module_utils._core.edge import run_module
from ..module_utils._x509 import argspec, duration, issue, keep


def main() -> None:
    """Parse options and run."""
    module = AnsibleModule(
        argument_spec={
            "cert": {"type": "path", "required": True},
            "key": {"type": "path", "required": True, "no_log": False},
            "requests": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {"csr": {"type": "str", "required": True}, **argspec.LEAF},
            },
            "valid_for": {"type": "str", "default": "365d"},
        },
        supports_check_mode=True,
    )
    run_module(module, sign)


def sign(module: AnsibleModule) -> dict[str, Any]:
    """Sign all or nothing."""
    params = module.params
    valid_for = duration.parse(params["valid_for"], "valid_for")
    authority = keep.read_authority(params["cert"], params["key"])
    requests = [] if module.check_mode else params["requests"]
    signed = [
        issue.sign(
            entry["csr"].encode(), argspec.leaf(entry), authority.cert, authority.key, clock.now(), valid_for
        ).decode("ascii")
        for entry in requests
    ]
    return {"changed": bool(signed), "ca_certificate": authority.cert.decode("ascii"), "certificates": signed}


if __name__ == "__main__":
    main()
