# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options by which modules reach etcd, find its programs and open snapshots.

Documented in the fragments etcd, etcd_programs, etcd_retention and etcd_unpacking.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._core.runner import Runner
from .gateway import Gateway
from .packing import Packer
from .programs import Source
from .retention import CLASSES

CONNECTION: dict[str, Any] = {
    "endpoints": {"type": "list", "elements": "str", "default": ["https://127.0.0.1:2379"]},
    "ca_file": {"type": "path", "default": "/etc/kubernetes/pki/etcd/ca.crt"},
    "cert_file": {"type": "path", "default": "/etc/kubernetes/pki/apiserver-etcd-client.crt"},
    "key_file": {"type": "path", "default": "/etc/kubernetes/pki/apiserver-etcd-client.key", "no_log": False},
}

PROGRAMS: dict[str, Any] = {"bin_dir": {"type": "path"}, "image": {"type": "str", "default": ""}}

_RULE = {"type": "dict", "options": {"count": {"type": "int"}, "days": {"type": "float"}}}
RETENTION: dict[str, Any] = {"type": "dict", "default": {}, "options": dict.fromkeys(CLASSES, _RULE)}

UNPACKING: dict[str, Any] = {"decryption_file": {"type": "path", "no_log": False}}


def gateways(params: Mapping[str, Any]) -> list[Gateway]:
    """Return a gateway for every endpoint, in order."""
    return [
        Gateway(url.rstrip("/"), params["ca_file"], params["cert_file"], params["key_file"])
        for url in params["endpoints"]
    ]


def packer(params: Mapping[str, Any], runner: Runner) -> Packer:
    """Return what packs snapshots."""
    return Packer(runner, params["encryption_file"] or "")


def unpacker(params: Mapping[str, Any], runner: Runner) -> Packer:
    """Return what opens packed snapshots."""
    return Packer(runner, params["decryption_file"] or "")


def source(params: Mapping[str, Any], runner: Runner) -> Source:
    """Return where etcd's programs come from."""
    return Source(runner, params["bin_dir"] or "", params["image"])
