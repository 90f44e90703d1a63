# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of modules that make keys and keep them in files."""

from __future__ import annotations


class ModuleDocFragment:
    """Kind of new keys, and whom the files belong to."""

    DOCUMENTATION = r"""
options:
  key_type:
    description: Kind of new keys.
    type: str
    choices: [rsa-2048, rsa-3072, rsa-4096, ecdsa-p256, ecdsa-p384, ecdsa-p521]
    default: rsa-2048
  owner:
    description: User the files belong to. Empty leaves it, or root for new ones.
    type: str
    default: ''
  group:
    description: Group the files belong to. Empty leaves it, or root for new ones.
    type: str
    default: ''
"""
