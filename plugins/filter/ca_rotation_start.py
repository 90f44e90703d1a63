# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Jinja face of the choice which CAs are rotated."""

from __future__ import annotations

DOCUMENTATION = r"""
name: ca_rotation_start
short_description: Which CAs are to be rotated, and which control plane holds the incoming ones
version_added: 1.0.0
author: kubeops.cluster contributors (@kubeops)
description:
  - Reads what M(kubeops.cluster.ca_rotation) observed on the control planes. A rotation that is under way on one of
    them is ended first; otherwise the CAs that are due are begun. As long as no node trusts the incoming ones, CAs that
    are due join those under way.
positional: hostvars, variable
extends_documentation_fragment: kubeops.cluster.inventory.hosts
options:
  variable:
    description: Variable that holds the result of M(kubeops.cluster.ca_rotation) on each control plane.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: What is to be rotated
  ansible.builtin.debug:
    msg: "{{ groups['control_plane'] | kubeops.cluster.ca_rotation_start(hostvars, 'observed') }}"
"""

RETURN = r"""
_value:
  description: C(authorities), names of the CAs to rotate, C(holder), a host, and C(left), those due in a later run.
  type: dict
  sample: {authorities: [ca], holder: cp1, left: []}
"""

from collections.abc import Mapping, Sequence
from typing import Any, Callable

from ..module_utils._ca import report


def ca_rotation_start(
    control_planes: Sequence[str], hostvars: Mapping[str, Mapping[str, Any]], variable: str
) -> dict[str, Any]:
    """Apply the pure choice to hostvars; see RETURN."""
    return report.start(control_planes, {host: hostvars[host].get(variable) or {} for host in control_planes})


class FilterModule:
    """Ansible's registry of filters."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Filters by name."""
        return {"ca_rotation_start": ca_rotation_start}
