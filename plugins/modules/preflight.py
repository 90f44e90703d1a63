#!/usr/bin/python
# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: preflight
short_description: Refuse a wrong inventory or unfit nodes before any change
version_added: 1.0.0
description:
  - Looks at the whole play at once, prints one table of everything that is wrong, errors before warnings, and fails
    once where there are errors. Changes nothing, so check mode is the same.
  - The phase V(inventory) needs no node. The phase V(nodes) reads the fact C(kubeops_node) that
    M(kubeops.cluster.node_facts) left, of the hosts that answered in this play.
author:
  - kubeops.cluster contributors (@kubeops)
options:
  phase:
    description: Which rules to apply.
    type: str
    required: true
    choices: [inventory, nodes]
  ignore:
    description: Rules to leave out, each with the reason why; the reason is printed.
    type: dict
    default: {}
  end_of_life:
    description: How to take a Kubernetes minor that gets no more fixes.
    type: str
    choices: [warning, error]
    default: warning
  thresholds:
    description:
      - Limits for the phase V(nodes). Keys are C(control_plane_cpus), C(control_plane_memory_mib), C(worker_cpus),
        C(worker_memory_mib), C(time_offset) (seconds), C(disk_free_mib) (path to MiB), C(tested_os) (list of
        C(id) or C(id version)).
    type: dict
    default: {}
  reachability:
    description: Name of the variable in which the results of M(kubeops.cluster.reachability) are registered.
    type: str
    default: ""
extends_documentation_fragment:
  - kubeops.cluster.attributes.action
seealso:
  - module: kubeops.cluster.node_facts
  - module: kubeops.cluster.reachability
"""

EXAMPLES = r"""
- name: Check the inventory
  kubeops.cluster.preflight:
    phase: inventory

- name: Check the nodes, and accept one finding
  kubeops.cluster.preflight:
    phase: nodes
    ignore:
      nodes.product_uuid: the hypervisor gives all machines the same
"""

RETURN = r"""
findings:
  description: Everything found, errors first.
  returned: always
  type: list
  elements: dict
  contains:
    rule:
      description: Id of the rule, which O(ignore) takes.
      type: str
      returned: always
      sample: endpoint.missing
    level:
      description: V(error) or V(warning).
      type: str
      returned: always
    hosts:
      description: Hosts it is about; none where it is about the inventory.
      type: list
      elements: str
      returned: always
    variable:
      description: The variable at fault, empty where none is.
      type: str
      returned: always
    value:
      description: Its value, shortened; secrets are not shown.
      type: str
      returned: always
    message:
      description: What is wrong.
      type: str
      returned: always
    fix:
      description: What to do.
      type: str
      returned: always
errors:
  description: Number of errors.
  returned: always
  type: int
warnings_count:
  description: Number of warnings.
  returned: always
  type: int
ignored:
  description: Rules that found something and were ignored, with the reason.
  returned: always
  type: list
  elements: str
targets:
  description: For each host, the options peers, names and sources of M(kubeops.cluster.reachability).
  returned: in the phase V(inventory), without errors
  type: dict
left_out:
  description: Hosts of the inventory that are not part of this run.
  returned: in the phase V(nodes)
  type: list
  elements: str
"""
