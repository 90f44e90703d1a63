#!/usr/bin/python
# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: cni_manifest
short_description: Apply the manifest of a pod network
version_added: 1.0.0
description:
  - The controller gets the manifest, verifies its checksum and writes the cluster's pod subnet where the plugin reads
    it. M(kubeops.cluster.kube_apply) then applies it on a control plane, if anything differs.
  - What was downloaded is kept by its checksum in C(~/.cache/kubeops) on the controller.
author:
  - kubeops.cluster contributors (@kubeops)
options:
  plugin:
    description:
      - V(flannel) gets the pod subnet in C(net-conf.json), V(calico) in C(CALICO_IPV4POOL_CIDR). The manifests of
        V(cilium) and V(manifest) are applied as they are.
    type: str
    required: true
    choices: [flannel, calico, cilium, manifest]
  source:
    description:
      - An C(https) URL, a path on the controller, or V(bundle:NAME) or V(bundle:NAME@VERSION) for an entry of kind
        C(manifest) in O(bundle).
    type: str
    required: true
  sha256:
    description: Checksum of the manifest as published. Required for URLs. A bundle has its own.
    type: str
    default: ''
  bundle:
    description: Bundle directory on the controller.
    type: path
  pod_subnet:
    description: Addresses of pods, as CIDR. Two with a comma for dual stack.
    type: str
    required: true
  force_conflicts:
    description: Take over fields that another field manager has set to a different value.
    type: bool
    default: false
extends_documentation_fragment:
  - kubeops.cluster.attributes.changes
"""

EXAMPLES = r"""
- name: Flannel from the bundle
  kubeops.cluster.cni_manifest:
    plugin: flannel
    source: bundle:flannel
    bundle: /var/lib/kubeops/bundle
    pod_subnet: 10.244.0.0/16
"""

RETURN = r"""
plan:
  description: What M(kubeops.cluster.kube_apply) returns, RV(kubeops.cluster.kube_apply#module:plan).
  returned: always
  type: list
  elements: dict
  sample: [{action: create, target: Namespace kube-flannel, reason: it does not exist}]
"""
