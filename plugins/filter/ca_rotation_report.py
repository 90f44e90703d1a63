# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Jinja face of the report on a rotation of CAs."""

from __future__ import annotations

DOCUMENTATION = r"""
name: ca_rotation_report
short_description: Stages of a rotation of CAs, how far each host is, and what forbids to go on
version_added: 1.0.0
author: kubeops.cluster contributors (@kubeops)
description:
  - Puts together what M(kubeops.cluster.ca_rotation) observed on every host and what M(kubeops.cluster.cluster_facts)
    says of the nodes.
positional: hostvars, variable, groups, took_part, nodes
options:
  _input:
    description: What P(kubeops.cluster.ca_rotation_start#filter) returned.
    type: dict
    required: true
  hostvars:
    description: Ansible's C(hostvars).
    type: dict
    required: true
  variable:
    description: Variable that holds the result of M(kubeops.cluster.ca_rotation) on each host.
    type: str
    required: true
  groups:
    description: Ansible's C(groups).
    type: dict
    required: true
  took_part:
    description: Hosts that the run can still reach (C(ansible_play_hosts)).
    type: list
    elements: str
    required: true
  nodes:
    description: Nodes of the cluster, C(name) and C(ready) of each.
    type: list
    elements: dict
    required: true
"""

EXAMPLES = r"""
- name: How far the rotation is
  ansible.builtin.debug:
    msg: >-
      {{ (started | kubeops.cluster.ca_rotation_report(hostvars, 'seen', groups, ansible_play_hosts, nodes)).table }}
"""

RETURN = r"""
_value:
  description: C(table), lines to print, and C(refusals), sentences that forbid to go on.
  type: dict
  sample: {table: ["ca to rotate"], refusals: []}
"""

from collections.abc import Mapping, Sequence
from typing import Any, Callable

from ..module_utils._ca import report


def ca_rotation_report(
    started: Mapping[str, Any],
    hostvars: Mapping[str, Mapping[str, Any]],
    variable: str,
    groups: Mapping[str, Sequence[str]],
    took_part: Sequence[str],
    nodes: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    """Apply the pure report to hostvars; see RETURN."""
    control_planes = groups.get("control_plane", [])
    hosts = [*control_planes, *groups.get("workers", [])]
    results = {host: hostvars[host].get(variable) or {} for host in hosts if host in took_part}
    left_out = [host for host in hosts if host not in took_part]
    return report.report(started, results, control_planes, left_out, nodes)


class FilterModule:
    """Ansible's registry of filters."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Filters by name."""
        return {"ca_rotation_report": ca_rotation_report}
