# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Labels and taints of inventory hosts by the name of their Node."""

from __future__ import annotations

DOCUMENTATION = r"""
name: node_metadata
short_description: Wanted labels and taints by Node name
version_added: 1.0.0
author: kubeops.cluster contributors (@kubeops)
description: Collects C(kubeops_node_labels) and C(kubeops_node_taints) for M(kubeops.cluster.node_metadata).
positional: hostvars
extends_documentation_fragment: kubeops.cluster.inventory.hosts
"""

EXAMPLES = r"""
- name: Labels and taints of this play's nodes
  kubeops.cluster.node_metadata:
    nodes: "{{ ansible_play_hosts | kubeops.cluster.node_metadata(hostvars) }}"
  run_once: true
"""

RETURN = r"""
_value:
  description:
    - Node name to C(labels) and C(taints). C(taints) is none where the variable is not set, which is not the same as an
      empty list on a control plane.
  type: dict
  sample: {w1: {labels: {zone: a}, taints: []}}
"""

from collections.abc import Mapping, Sequence
from typing import Any, Callable


def node_metadata(hosts: Sequence[str], hostvars: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return what the module takes; see RETURN."""
    wanted = {}
    for host in hosts:
        variables = hostvars[host]
        name, taints = str(variables.get("kubeops_node_name") or host.lower()), variables.get("kubeops_node_taints")
        # kubeadm taints control planes alone: there is nothing else that an empty list could take off.
        if not taints and "control_plane" not in variables.get("group_names", ()):
            taints = None
        wanted[name] = {
            "labels": dict(variables.get("kubeops_node_labels") or {}),
            "taints": None if taints is None else list(taints),
        }
    return wanted


class FilterModule:
    """Filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return them by name."""
        return {"node_metadata": node_metadata}
