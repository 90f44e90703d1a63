# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options by which modules reach etcd; documented in the fragment of the same name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .gateway import Gateway

CONNECTION: dict[str, Any] = {
    "endpoints": {"type": "list", "elements": "str", "default": ["https://127.0.0.1:2379"]},
    "ca_file": {"type": "path", "default": "/etc/kubernetes/pki/etcd/ca.crt"},
    "cert_file": {"type": "path", "default": "/etc/kubernetes/pki/apiserver-etcd-client.crt"},
    "key_file": {"type": "path", "default": "/etc/kubernetes/pki/apiserver-etcd-client.key", "no_log": False},
}


def gateways(params: Mapping[str, Any]) -> list[Gateway]:
    """Return a gateway for every endpoint, in order."""
    return [
        Gateway(url.rstrip("/"), params["ca_file"], params["cert_file"], params["key_file"])
        for url in params["endpoints"]
    ]
