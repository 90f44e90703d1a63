# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cluster-wide Pod Security defaults as the file the API server reads."""

from __future__ import annotations

DOCUMENTATION = r"""
name: pod_security_admission
short_description: AdmissionConfiguration with Pod Security defaults
version_added: 1.0.0
author: kubeops.cluster contributors (@kubeops)
description:
  - Writes the file described in
    U(https://kubernetes.io/docs/tasks/configure-pod-container/enforce-standards-admission-controller/).
  - C(kube-system) is always exempt, because the network plugin and kube-proxy run there with the node's privileges.
options:
  _input:
    description: >-
      C(enforce), C(audit), C(warn) (each C(privileged), C(baseline) or C(restricted)), their C(*-version), and
      C(exemptions) with C(namespaces), C(usernames), C(runtimeClasses).
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Show the file
  ansible.builtin.debug:
    msg: "{{ {'enforce': 'baseline'} | kubeops.cluster.pod_security_admission }}"
"""

RETURN = r"""
_value:
  description: JSON text.
  type: str
"""

import json
from collections.abc import Mapping
from typing import Any, Callable

ALWAYS_EXEMPT = "kube-system"


def pod_security_admission(settings: Mapping[str, Any]) -> str:
    """Return the file's text; see DOCUMENTATION."""
    exemptions = dict(settings.get("exemptions", {}))
    namespaces = sorted({ALWAYS_EXEMPT, *exemptions.get("namespaces", [])})
    defaults = {key: value for key, value in settings.items() if key != "exemptions"}
    plugin = {
        "apiVersion": "pod-security.admission.config.k8s.io/v1",
        "kind": "PodSecurityConfiguration",
        "defaults": defaults,
        "exemptions": {**exemptions, "namespaces": namespaces},
    }
    document = {
        "apiVersion": "apiserver.config.k8s.io/v1",
        "kind": "AdmissionConfiguration",
        "plugins": [{"name": "PodSecurity", "configuration": plugin}],
    }
    return json.dumps(document, indent=2, sort_keys=True) + "\n"


class FilterModule:
    """Filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return them by name."""
        return {"pod_security_admission": pod_security_admission}
