#!/usr/bin/python
# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: upgrade_plan
short_description: The road of an upgrade, its gates, and what it disturbs
version_added: 1.0.0
description:
  - Puts together what M(kubeops.cluster.upgrade_node_facts) left as facts of the hosts of this play and what
    M(kubeops.cluster.upgrade_cluster_facts) returned, judges versions and gates, finds the road, and prints one table.
    Changes nothing.
author:
  - kubeops.cluster contributors (@kubeops)
options:
  cluster:
    description:
      - RV(kubeops.cluster.upgrade_cluster_facts#module:cluster).
      - Where that failed, an empty one. The plan then is a refusal with what nodes say of themselves, expired
        certificates for instance.
    type: dict
    required: true
  cluster_error:
    description: Why O(cluster) is empty.
    type: str
    default: ''
  target:
    description: Version wanted, for instance V(1.36.3).
    type: str
    required: true
  available:
    description: Versions that can be installed. Empty for those of O(bundle), else for the newest patches known.
    type: list
    elements: str
    default: []
  bundle:
    description: The manifest of a bundle, from which versions of Kubernetes, etcd and CoreDNS are taken.
    type: dict
    default: {}
  workers:
    description: When workers are drained, at every hop or as late as the skew policy lets them wait.
    type: str
    choices: [every_hop, last_hop]
    default: every_hop
  workers_at_once:
    description: Workers of a batch, drained at the same time, as O(kubeops.cluster.upgrade_order#filter:at_once).
    type: raw
    default: 1
  max_unavailable:
    description: As O(kubeops.cluster.upgrade_order#filter:max_unavailable).
    type: raw
    default: 0
  canary:
    description: As O(kubeops.cluster.upgrade_order#filter:canary).
    type: int
    default: 0
  groups:
    description: As O(kubeops.cluster.upgrade_order#filter:groups).
    type: list
    elements: dict
    default: []
  drain:
    description: Whether nodes are drained. Without it, there is no gate V(gate.drain).
    type: bool
    default: true
  delete_empty_dir:
    description: As O(kubeops.cluster.node_drain#module:delete_empty_dir).
    type: bool
    default: false
  evict_unmanaged:
    description: As O(kubeops.cluster.node_drain#module:evict_unmanaged).
    type: bool
    default: false
  etcd_upgrade:
    description: Whether kubeadm upgrades a stacked etcd too.
    type: bool
    default: true
  skip:
    description:
      - Rules and gates that do not count (V(gate.webhooks)), or families of them (V(gate)), each with the reason.
    type: dict
    default: {}
  disk_free_mib:
    description: MiB that have to be free, by path.
    type: dict
    default: {}
  certificate_hours:
    description: Hours that every certificate has to be valid for.
    type: float
    default: 24.0
  fail:
    description: Whether a refusal is a failure.
    type: bool
    default: true
extends_documentation_fragment:
  - kubeops.cluster.attributes.action
  - kubeops.cluster.version_policy
seealso:
  - module: kubeops.cluster.version_skew
"""

EXAMPLES = r"""
- name: Observe the cluster
  kubeops.cluster.upgrade_cluster_facts:
  run_once: true
  register: seen

- name: Plan the upgrade
  kubeops.cluster.upgrade_plan:
    cluster: "{{ seen.cluster }}"
    target: 1.36.3
    skip:
      gate.customisations: our CoreDNS settings are applied again by another playbook
"""

RETURN = r"""
allowed:
  description: Whether no rule and no gate refuses the upgrade.
  returned: always
  type: bool
verdicts:
  description: For each rule and gate C(rule), C(status), C(title), C(source), C(findings) and C(reason).
  returned: always
  type: list
  elements: dict
road:
  description: As RV(kubeops.cluster.version_skew#module:road).
  returned: always
  type: dict
support:
  description: As RV(kubeops.cluster.version_skew#module:support).
  returned: always
  type: dict
disruption:
  description:
    - C(api_server_restarts), C(nodes_drained), C(pods_evicted), C(seconds) (an estimate), C(api_stops) and
      C(apis_removed).
  returned: always
  type: dict
diffs:
  description: What changed by hand would be lost, a diff by node and component.
  returned: always
  type: dict
table:
  description: The same for people.
  returned: always
  type: str
"""
