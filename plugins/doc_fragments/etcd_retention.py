# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which snapshots of etcd are kept."""

from __future__ import annotations


class ModuleDocFragment:
    """A rule for each class of snapshots."""

    DOCUMENTATION = r"""
options:
  retention:
    description: What to keep of each class. A class that is not named is kept whole.
    type: dict
    default: {}
    suboptions:
      manual: &rule
        description: Rule of this class.
        type: dict
        suboptions:
          count:
            description: How many to keep.
            type: int
          days:
            description: For how many days to keep them.
            type: float
      hourly: *rule
      daily: *rule
      weekly: *rule
"""
