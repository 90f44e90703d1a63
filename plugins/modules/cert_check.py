#!/usr/bin/python
# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Edge of cert_check."""

from __future__ import annotations

DOCUMENTATION = r"""
module: cert_check
short_description: Judge every certificate of a node, on disk and as it is served
version_added: 1.0.0
author: kubeops.cluster contributors (@kubeops)
description:
  - Finds what belongs to the node by its static pods and its kubelet, namely kubeadm's certificates and kubeconfigs,
    the kubelet's client and serving certificates, those of etcd, the front proxy and the service accounts' key pair.
  - For each it says how long it is valid, whether its key, its CA, its usages and its names are right, who can read it,
    and whether the certificate served is the one on disk. Of a chain or a bundle every certificate counts.
  - Needs no API server and works when everything has expired. What cannot be read is a finding.
requirements:
  - The Python library C(cryptography) on the node, 36 or newer.
extends_documentation_fragment: kubeops.cluster.attributes.reads
options:
  warning:
    description:
      - Time left at which the verdict becomes V(warning). A duration (V(30d), V(12h), V(30m)), a part of the lifetime
        (V(10%)), or both with a comma, of which the smaller counts.
    type: str
    default: 30d,10%
  critical:
    description: The same for V(critical).
    type: str
    default: 7d,3%
  ca_warning:
    description:
      - The same as O(warning) for the CAs that belong to the node, since to replace one takes planning. The default is
        what M(kubeops.cluster.ca_rotation) takes for due, of a CA of ten years. What ends together with its CA is
        warned of then too, since nothing but another CA makes it last longer.
    type: str
    default: 365d,10%
  groups:
    description:
      - What the host is by the inventory, of V(control_plane), V(workers) and V(etcd). What belongs to that and is not
        there is a finding. Empty judges what the host itself shows to run.
    type: list
    elements: str
    choices: [control_plane, workers, etcd]
    default: []
  paths:
    description:
      - Further files, globs and directories. What a file is shows its content. A certificate is compared with the key
        beside it (C(tls.key) of C(tls.crt), C(member-key.pem) of C(member.pem), C(privkey.pem) of C(fullchain.pem));
        of a key without a certificate only the mode counts.
      - A directory is searched for C(.crt), C(.cer), C(.pem), C(.key), C(.conf), C(.kubeconfig) and C(.kube/config)
        without following links. Anything else that a directory or a glob leads to is passed over. A glob that matches
        nothing and a directory without any of those are findings, as a file that is missing; so is what cannot be
        looked into.
    type: list
    elements: str
    default: []
  endpoints:
    description:
      - Further places that serve TLS, as C(host:port). The certificate has to have the host as it is written here, and
        is judged by its time. Which CA has to have signed it is not known.
    type: list
    elements: str
    default: []
  api_server_names:
    description: Names and addresses that the API server's certificate has to have besides those the node knows of.
    type: list
    elements: str
    default: []
  node_addresses:
    description:
      - Addresses of the node. A serving certificate that the cluster signed for its kubelet has to have them; names of
        hosts among them are passed over.
    type: list
    elements: str
    default: []
  served:
    description: Whether to ask the ports which certificates they serve.
    type: bool
    default: true
  timeout:
    description: Seconds that one port may take to answer.
    type: float
    default: 3.0
  reference_time:
    description:
      - Another clock's time in seconds since the epoch, to compare the node's clock with. V(0) compares nothing.
    type: float
    default: 0.0
  max_clock_offset:
    description:
      - Seconds that the node's clock may be apart from O(reference_time). Beyond that an entry C(clock) is V(critical).
    type: float
    default: 60.0
  fail_on:
    description: Fail where a verdict is this or worse.
    type: str
    choices: [never, warning, critical, expired, broken]
    default: never
"""

EXAMPLES = r"""
- name: Look at every certificate of the node
  kubeops.cluster.cert_check:
  register: certificates

- name: Fail a week before anything ends, with users' kubeconfigs and the load balancer's certificate
  kubeops.cluster.cert_check:
    critical: 7d
    fail_on: critical
    paths: [/home/*/.kube/config, /etc/haproxy/certs]
"""

RETURN = r"""
certificates:
  description: Everything found; what cannot be read first, then soonest first.
  returned: always
  type: list
  elements: dict
  sample:
    - name: apiserver
      path: /etc/kubernetes/pki/apiserver.crt
      key_path: /etc/kubernetes/pki/apiserver.key
      form: certificate
      managed_by: kubeadm
      mode: "0644"
      owner: root
      group: root
      verdict: warning
      reasons: [{id: expires_soon, level: warning, message: it expires in 20 days, fix: renew it}]
      days_left: 20
      seconds_left: 1728000.0
      certificate: {subject: CN=kube-apiserver, serial: 4f1a}
      served:
        - {endpoint: "192.0.2.11:6443", serial: 4f1a, not_after: "2026-12-11T10:00:00Z", matches: true, failure: ""}
verdict:
  description: The worst verdict, V(ok), V(warning), V(critical), V(expired) or V(broken).
  returned: always
  type: str
  sample: ok
counts:
  description: Number of entries by verdict.
  returned: always
  type: dict
  sample: {ok: 22, warning: 0, critical: 0, expired: 0, broken: 0}
clock_offset:
  description: Seconds that the node's clock is ahead of O(reference_time); V(null) where nothing was compared.
  returned: always
  type: float
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._core import clock
from ..module_utils._core.edge import run_module
from ..module_utils._core.errors import KubeopsError
from ..module_utils._x509 import check, load, observe, policy


def main() -> None:
    """Parse options and run."""
    spec = {
        "warning": {"type": "str", "default": "30d,10%"},
        "critical": {"type": "str", "default": "7d,3%"},
        "ca_warning": {"type": "str", "default": "365d,10%"},
        "groups": {"type": "list", "elements": "str", "choices": list(observe.GROUPS), "default": []},
        "paths": {"type": "list", "elements": "str", "default": []},
        "endpoints": {"type": "list", "elements": "str", "default": []},
        "api_server_names": {"type": "list", "elements": "str", "default": []},
        "node_addresses": {"type": "list", "elements": "str", "default": []},
        "served": {"type": "bool", "default": True},
        "timeout": {"type": "float", "default": 3.0},
        "reference_time": {"type": "float", "default": 0.0},
        "max_clock_offset": {"type": "float", "default": 60.0},
        "fail_on": {"type": "str", "choices": ["never", *policy.LEVELS[1:]], "default": "never"},
    }
    run_module(AnsibleModule(argument_spec=spec, supports_check_mode=True), examine)


def examine(module: AnsibleModule) -> dict[str, Any]:
    """Observe, judge, and fail by the level asked for."""
    if not load.HAS_CRYPTOGRAPHY:
        raise KubeopsError(
            "the Python library cryptography is missing on this node",
            fix="install python3-cryptography (the role node_prep does)",
        )
    result = check.check(module.params, clock.now())
    level = module.params["fail_on"]
    if level != "never" and policy.LEVELS.index(result["verdict"]) >= policy.LEVELS.index(level):
        raise KubeopsError("certificates need care", check.summary(result, level), details=result)
    return {"changed": False, **result}


if __name__ == "__main__":
    main()
