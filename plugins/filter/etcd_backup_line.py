# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Jinja face of the line that tells of a backup."""

from __future__ import annotations

DOCUMENTATION = r"""
name: etcd_backup_line
short_description: One line about a backup of etcd
version_added: 1.0.0
author: kubeops.cluster contributors (@kubeops)
description:
  - Where the snapshot is, how new and how large it is, from which member, and how it was proved and shipped. It says so
    where quorum was lost.
positional: manifest, shipped
options:
  _input:
    description: RV(kubeops.cluster.etcd_snapshot#module:snapshot).
    type: str
    required: true
  manifest:
    description: RV(kubeops.cluster.etcd_snapshot#module:manifest).
    type: dict
    required: true
  shipped:
    description: To how many places it was shipped.
    type: int
    default: 0
"""

EXAMPLES = r"""
- name: Show the line
  ansible.builtin.debug:
    msg: "{{ taken.snapshot | kubeops.cluster.etcd_backup_line(taken.manifest) }}"
"""

RETURN = r"""
_value:
  description: The line.
  type: str
"""

from typing import Any, Callable

from ..module_utils._ship import status


class FilterModule:
    """Ansible's registry of filters."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Filters by name."""
        return {"etcd_backup_line": status.line}
