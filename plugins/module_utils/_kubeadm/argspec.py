# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module options shared by the modules that render kubeadm's documents, and their parsing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from . import config

COMPONENT = {
    "extra_args": {"type": "dict", "default": {}},
    "extra_volumes": {"type": "list", "elements": "dict", "default": []},
}

CLUSTER: dict[str, Any] = {
    "version": {"type": "str", "required": True},
    "name": {"type": "str", "default": "kubernetes"},
    "endpoint": {"type": "str", "default": ""},
    "pod_subnet": {"type": "str", "default": ""},
    "service_subnet": {"type": "str", "default": ""},
    "dns_domain": {"type": "str", "default": ""},
    "image_repository": {"type": "str", "default": ""},
    "extra_sans": {"type": "list", "elements": "str", "default": []},
    "api_server": {"type": "dict", "options": COMPONENT, "apply_defaults": True},
    "controller_manager": {"type": "dict", "options": COMPONENT, "apply_defaults": True},
    "scheduler": {"type": "dict", "options": COMPONENT, "apply_defaults": True},
    "etcd": {
        "type": "dict",
        "options": {"extra_args": {"type": "dict", "default": {}}},
        "apply_defaults": True,
    },
    "feature_gates": {"type": "dict", "default": {}},
    "kubelet": {"type": "dict", "default": {}},
    "kube_proxy": {"type": "dict", "default": {}},
    "audit_policy_file": {"type": "path", "default": ""},
    "admission_file": {"type": "path", "default": ""},
    "encryption_file": {"type": "path", "default": ""},
    "external_etcd": {"type": "dict", "default": {}},
    "addons": {
        "type": "list",
        "elements": "str",
        "choices": ["coredns", "kube-proxy"],
        "default": ["coredns", "kube-proxy"],
    },
    "extra": {"type": "dict", "default": {}},
}

NODE: dict[str, Any] = {
    "name": {"type": "str", "required": True},
    "ip": {"type": "str", "required": True},
    "api_port": {"type": "int", "default": 6443},
    "cri_socket": {"type": "str", "default": ""},
    "kubelet_extra_args": {"type": "dict", "default": {}},
    "ignore_preflight": {"type": "list", "elements": "str", "default": []},
    "patches": {"type": "path", "default": ""},
    "taints": {"type": "list", "elements": "dict"},
}

ON_PARTIAL: dict[str, Any] = {"type": "str", "choices": ["fail", "resume", "reset"], "default": "fail"}
LOCK_TIMEOUT: dict[str, Any] = {"type": "int", "default": 300}


def cluster(params: Mapping[str, Any]) -> config.Cluster:
    """Build the model from the option cluster."""
    values = dict(params)
    for name in ("api_server", "controller_manager", "scheduler", "etcd"):
        part = values[name] or {}
        values[name] = config.Component(part.get("extra_args") or {}, part.get("extra_volumes") or [])
    return config.Cluster(**{**values, "version": "v" + values["version"].lstrip("v")})


def node(params: Mapping[str, Any]) -> config.Node:
    """Build the model from the option node."""
    return config.Node(**params)
