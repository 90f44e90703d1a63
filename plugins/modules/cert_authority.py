#!/usr/bin/python
# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Edge of cert_authority: a CA that is made once and stays on its host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: cert_authority
short_description: Keep a certificate authority on a host
version_added: 1.0.0
author: kubeops.cluster contributors (@kubeops)
description:
  - Makes a self-signed CA where there is none. One that is there is never replaced, since every certificate it signed
    would be worthless.
  - The key is made on the host, stays there with mode 0600, and appears in no result. M(kubeops.cluster.cert_issue)
    signs with it.
requirements:
  - The Python library C(cryptography) on the host, 36 or newer.
extends_documentation_fragment:
  - kubeops.cluster.attributes.reads
  - kubeops.cluster.key_files
options:
  cert:
    description: Path of the CA's certificate.
    type: path
    required: true
  key:
    description: Path of the CA's key.
    type: path
    required: true
  common_name:
    description: Name of the CA, C(etcd-ca) for etcd.
    type: str
    required: true
  valid_for:
    description: How long a new CA is valid, as C(3650d), C(12h) or C(30m).
    type: str
    default: 3650d
  make:
    description:
      - Whether a CA that is missing is made. V(false) refuses that (rule C(ca_missing)), for where other hosts have
        certificates of the one that was lost.
    type: bool
    default: true
"""

EXAMPLES = r"""
- name: CA of etcd, on one of its hosts
  kubeops.cluster.cert_authority:
    cert: /etc/etcd/pki/ca.crt
    key: /etc/etcd/pki/ca.key
    common_name: etcd-ca
  run_once: true
"""

RETURN = r"""
certificate:
  description: The CA's certificate, PEM; empty where check mode would make one.
  returned: success
  type: str
not_after:
  description: When it ends, ISO 8601 in UTC; empty where check mode would make one.
  returned: success
  type: str
  sample: "2036-11-18T15:11:41+00:00"
"""

from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._core import clock
from ..module_utils._core.edge import run_module
from ..module_utils._x509 import duration, issue, keep


def main() -> None:
    """Parse options and run."""
    module = AnsibleModule(
        argument_spec={
            "cert": {"type": "path", "required": True},
            "key": {"type": "path", "required": True, "no_log": False},
            "common_name": {"type": "str", "required": True},
            "valid_for": {"type": "str", "default": "3650d"},
            "key_type": {"type": "str", "choices": list(issue.KEY_TYPES), "default": "rsa-2048", "no_log": False},
            "make": {"type": "bool", "default": True},
            "owner": {"type": "str", "default": ""},
            "group": {"type": "str", "default": ""},
        },
        supports_check_mode=True,
    )
    run_module(module, ensure)


def ensure(module: AnsibleModule) -> dict[str, Any]:
    """Read the CA, or make one where there is not even half of one and it may be made."""
    params = module.params
    valid_for = duration.parse(params["valid_for"], "valid_for")
    issue.require_cryptography()
    # A key alone is what a killed run leaves: it has signed nothing yet.
    missing = params["make"] and not Path(params["cert"]).exists()
    if missing and module.check_mode:
        return {"changed": True, "certificate": "", "not_after": ""}
    if missing:
        _make(params, valid_for)
    authority = keep.read_authority(params["cert"], params["key"])
    return {
        "changed": missing,
        "certificate": authority.cert.decode("ascii"),
        "not_after": issue.validity(authority.cert)[1].isoformat(),
    }


def _make(params: dict[str, Any], valid_for: Any) -> None:
    key = issue.make_key(params["key_type"])
    certificate = issue.make_ca(key, params["common_name"], clock.now(), valid_for)
    owner = keep.Owner(params["owner"], params["group"])
    keep.write_authority(params["cert"], params["key"], keep.Authority(certificate, key), owner)


if __name__ == "__main__":
    main()
