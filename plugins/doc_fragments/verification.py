# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options that the modules which verify a cluster share."""

from __future__ import annotations


class ModuleDocFragment:
    """The argument spec beside it is module_utils/_verify/argspec.py."""

    NODES = r"""
options:
  nodes:
    description: The nodes of the inventory.
    type: list
    elements: dict
    suboptions:
      name:
        description: Name of the Node object.
        type: str
        required: true
      address:
        description: Address of the node in the cluster's network.
        type: str
        required: true
      control_plane:
        description: Whether it has an API server.
        type: bool
        default: false
      required:
        description: Whether what is wrong with it is an error. Otherwise, as for nodes outside C(--limit), a warning.
        type: bool
        default: true
"""
