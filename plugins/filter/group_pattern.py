# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Host pattern of the groups that an inventory has."""

from __future__ import annotations

DOCUMENTATION = r"""
name: group_pattern
short_description: Host pattern of those groups that have hosts
version_added: 1.0.0
author: kubeops.cluster contributors (@kubeops)
description:
  - For C(hosts) of a play, so that Ansible does not complain about groups that an inventory may leave out.
  - A play whose C(hosts) use a filter of this collection also spares the workers of the whole run time. Ansible loads
    every filter of a collection with the first that is used, and does so again for each task of each host unless the
    process that they all come from has done it; C(hosts) are what that process evaluates itself.
positional: groups
options:
  _input:
    description: Names of groups.
    type: list
    elements: str
    required: true
  groups:
    description: Ansible's C(groups).
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Every node
  hosts: "{{ ['control_plane', 'workers'] | kubeops.cluster.group_pattern(groups) }}"
"""

RETURN = r"""
_value:
  description: The names of the groups with hosts, joined by colons; those of all groups where none has any.
  type: str
  sample: control_plane:workers
"""

from collections.abc import Mapping, Sequence
from typing import Any, Callable


def group_pattern(names: Sequence[str], groups: Mapping[str, Sequence[str]]) -> str:
    """Apply the rule; see RETURN."""
    return ":".join([name for name in names if groups.get(name)] or names)


class FilterModule:
    """Filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return them by name."""
        return {"group_pattern": group_pattern}
