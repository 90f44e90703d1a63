# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module options shared by the modules that verify a cluster; documented in doc_fragments/verification.py."""

from __future__ import annotations

from typing import Any

NODES: dict[str, Any] = {
    "type": "list",
    "elements": "dict",
    "options": {
        "name": {"type": "str", "required": True},
        "address": {"type": "str", "required": True},
        "control_plane": {"type": "bool", "default": False},
        "required": {"type": "bool", "default": True},
    },
}
