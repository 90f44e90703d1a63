# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which hosts restart their container runtime together."""

from __future__ import annotations

DOCUMENTATION = r"""
name: runtime_restart_batches
short_description: Batches in which hosts restart their container runtime
version_added: 1.0.0
author: kubeops.cluster contributors (@kubeops)
description:
  - Hosts that are no members of a cluster yet go together. Then each control plane goes alone, then the first worker,
    so that a configuration that does not work stops at one node. Then the other workers, O(at_once) together.
positional: _input
options:
  _input:
    description: Hosts whose runtime has to be restarted.
    type: list
    elements: str
    required: true
  members:
    description: Those of them that are members of a cluster.
    type: list
    elements: str
    required: true
  control_planes:
    description: Inventory names of the control planes.
    type: list
    elements: str
    required: true
  at_once:
    description: Workers of a batch.
    type: int
    default: 10
"""

EXAMPLES = r"""
- name: Show who restarts together
  ansible.builtin.debug:
    msg: >-
      {{ ansible_play_hosts
         | kubeops.cluster.runtime_restart_batches(members=groups['workers'], control_planes=groups['control_plane']) }}
"""

RETURN = r"""
_value:
  description: Batches of hosts, in their order.
  type: list
  elements: list
  sample: [[w9], [cp1], [cp2], [cp3], [w1], [w2, w3]]
"""

from collections.abc import Collection, Sequence
from typing import Any, Callable


def runtime_restart_batches(
    due: Sequence[str], members: Collection[str], control_planes: Collection[str], at_once: int = 10
) -> list[list[str]]:
    """See RETURN. Raises ValueError for less than one worker at once."""
    if at_once < 1:
        raise ValueError(f"at_once is {at_once}: at least one worker has to be restarted at once")
    workers = [host for host in due if host in members and host not in control_planes]
    rest = workers[1:]
    batches = [
        [host for host in due if host not in members],
        *([host] for host in due if host in members and host in control_planes),
        workers[:1],
        *(rest[start : start + at_once] for start in range(0, len(rest), at_once)),
    ]
    return [batch for batch in batches if batch]


class FilterModule:
    """Ansible's registry of filters."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Filters by name."""
        return {"runtime_restart_batches": runtime_restart_batches}
