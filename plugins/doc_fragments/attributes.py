# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Attributes that the modules of this collection share."""

from __future__ import annotations


class ModuleDocFragment:
    """Use with extends_documentation_fragment; what a module states itself wins."""

    # Modules that change a node or the cluster.
    CHANGES = r"""
options: {}
attributes:
  check_mode:
    description: Works with C(--check), predicting what would change without changing it.
    support: full
  diff_mode:
    description: With C(--diff), returns what differs between the present and the wanted state.
    support: full
  platform:
    description: Operating systems of the nodes the module can work on.
    support: full
    platforms: linux
"""

    # Modules that only look, and those whose changes are secrets.
    READS = r"""
options: {}
attributes:
  check_mode:
    description: Works with C(--check), predicting what would change without changing it.
    support: full
  diff_mode:
    description: With C(--diff), returns what differs between the present and the wanted state.
    support: none
  platform:
    description: Operating systems of the nodes the module can work on.
    support: full
    platforms: linux
"""

    # For modules whose support is neither of the two above.
    DOCUMENTATION = r"""
options: {}
attributes:
  check_mode:
    description: Works with C(--check), predicting what would change without changing it.
  diff_mode:
    description: With C(--diff), returns what differs between the present and the wanted state.
  platform:
    description: Operating systems of the nodes the module can work on.
    platforms: linux
"""

    # For action plugins that look at the whole play from the controller.
    ACTION = r"""
options: {}
attributes:
  check_mode:
    description: Works with C(--check), predicting what would change without changing it.
    support: full
  diff_mode:
    description: With C(--diff), returns what differs between the present and the wanted state.
    support: none
  platform:
    description: Operating systems of the nodes the module can work on.
    support: full
    platforms: all
  action:
    description: Runs on the controller; nothing is copied to a node.
    support: full
  bypass_host_loop:
    description: Runs once for all hosts of the play.
    support: full
"""
