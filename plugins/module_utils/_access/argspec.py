# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of user_kubeconfig, for both of its halves."""

from __future__ import annotations

from typing import Any

_BINDING = {name: {"type": "str"} for name in ("cluster_role", "role", "namespace", "group")}
_OIDC: dict[str, Any] = {
    "issuer_url": {"type": "str", "required": True},
    "client_id": {"type": "str", "required": True},
    "extra_scopes": {"type": "list", "elements": "str", "default": []},
    "command": {"type": "str", "default": "kubectl"},
}

OPTIONS: dict[str, Any] = {
    "user": {"type": "str", "required": True},
    "groups": {"type": "list", "elements": "str", "default": []},
    "dest": {"type": "path", "required": True},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "lifetime": {"type": "str", "default": "8h"},
    "bindings": {"type": "list", "elements": "dict", "default": [], "options": _BINDING},
    "oidc": {"type": "dict", "options": _OIDC},
    "cluster_name": {"type": "str", "default": "kubernetes"},
    "server": {"type": "str", "default": ""},
    "namespace": {"type": "str", "default": ""},
    "allow_system": {"type": "bool", "default": False},
    "csr": {"type": "str", "default": ""},
}
