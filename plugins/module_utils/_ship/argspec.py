# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of the places that snapshots are shipped to; documented in etcd_ship."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._etcd.argspec import RETENTION

TARGET: dict[str, Any] = {
    "type": {"type": "str", "choices": ["ssh", "s3"], "required": True},
    "retention": RETENTION,
    "host": {"type": "str"},
    "port": {"type": "int", "default": 22},
    "user": {"type": "str"},
    "directory": {"type": "str"},
    "key_file": {"type": "path", "no_log": False},
    "host_key": {"type": "str", "no_log": False},
    "endpoint": {"type": "str"},
    "region": {"type": "str", "default": "us-east-1"},
    "bucket": {"type": "str"},
    "prefix": {"type": "str", "default": ""},
    "access_key": {"type": "str", "no_log": False},
    "secret_key": {"type": "str", "no_log": True},
    "ca_file": {"type": "path"},
}
TARGETS: dict[str, Any] = {
    "type": "list",
    "elements": "dict",
    "default": [],
    "options": TARGET,
    "required_if": [
        ("type", "ssh", ["host", "user", "directory", "key_file", "host_key"]),
        ("type", "s3", ["endpoint", "bucket", "access_key", "secret_key"]),
    ],
}


def with_defaults(target: Mapping[str, Any]) -> dict[str, Any]:
    """Fill in what a target leaves out, as Ansible does for the module."""
    return {**{name: option.get("default") for name, option in TARGET.items()}, **target}
