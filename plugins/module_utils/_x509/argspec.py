# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module options that say what a certificate shall say, and their parsing."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Any

from .._core.errors import KubeopsError
from . import issue

LEAF: dict[str, Any] = {
    "common_name": {"type": "str", "required": True},
    "organizations": {"type": "list", "elements": "str", "default": []},
    "dns_names": {"type": "list", "elements": "str", "default": []},
    "ip_addresses": {"type": "list", "elements": "str", "default": []},
    "usages": {"type": "list", "elements": "str", "choices": list(issue.USAGES), "default": [issue.CLIENT]},
}


def leaf(params: Mapping[str, Any]) -> issue.Leaf:
    """Build the model from these options; raises KubeopsError where an address is none."""
    wrong = [address for address in params["ip_addresses"] if not _is_address(address)]
    if wrong:
        raise KubeopsError(
            f"ip_addresses of {params['common_name']} holds no address", seen=repr(wrong[0]), fix="correct it"
        )
    return issue.Leaf(
        common_name=params["common_name"],
        organizations=tuple(params["organizations"]),
        dns_names=tuple(params["dns_names"]),
        ip_addresses=tuple(params["ip_addresses"]),
        usages=tuple(params["usages"]),
    )


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
