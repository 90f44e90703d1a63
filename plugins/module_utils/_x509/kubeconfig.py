# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads kubeconfigs (pure): clusters, users with embedded or referenced certificates, contexts.

https://kubernetes.io/docs/reference/config-api/kubeconfig.v1/
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from .._core import simple_yaml
from .model import ClusterAccess, Kubeconfig, Unreadable, User

# Of these the first keep their secret in the kubeconfig itself.
SECRET_WAYS = ("token", "auth-provider", "username")
OTHER_WAYS = (*SECRET_WAYS, "tokenFile", "exec")


def parse(data: bytes) -> Kubeconfig:
    """Return the kubeconfig; raises Unreadable for anything else."""
    if not data.strip():
        raise Unreadable("empty", "the file is empty")
    try:
        document = simple_yaml.parse(data.decode("utf-8"))
    except UnicodeDecodeError:
        raise Unreadable("malformed", "it is no kubeconfig", "it is no text in UTF-8") from None
    except simple_yaml.NotRead as error:
        raise Unreadable("not_read", "it is not readable by this check", str(error)) from None
    if not isinstance(document, dict) or not isinstance(document.get("users") or document.get("clusters"), list):
        raise Unreadable("malformed", "it is no kubeconfig", "it lists neither users nor clusters")
    contexts = _named(document, "contexts", "context")
    return Kubeconfig(
        clusters={name: _cluster(name, body) for name, body in _named(document, "clusters", "cluster")},
        users={name: _user(name, body) for name, body in _named(document, "users", "user")},
        contexts={name: (_text(body, "cluster"), _text(body, "user")) for name, body in contexts},
        namespaces={name: _text(body, "namespace") for name, body in contexts},
        current_context=_text(document, "current-context"),
    )


def _named(document: Mapping[str, Any], kind: str, key: str) -> list[tuple[str, Mapping[str, Any]]]:
    entries = document.get(kind) or []
    if not isinstance(entries, list):
        raise Unreadable("malformed", f"{kind} is no list")
    found: list[tuple[str, Mapping[str, Any]]] = []
    for entry in entries:
        if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
            raise Unreadable("malformed", f"an entry of {kind} has no name")
        body = entry.get(key) or {}
        if not isinstance(body, dict):
            raise Unreadable("malformed", f"{key} of {entry['name'][:60]} is no mapping")
        found.append((entry["name"], body))
    return found


def _cluster(name: str, body: Mapping[str, Any]) -> ClusterAccess:
    return ClusterAccess(
        name,
        server=_text(body, "server"),
        authority=_decoded(body, "certificate-authority-data"),
        authority_file=_text(body, "certificate-authority"),
    )


def _user(name: str, body: Mapping[str, Any]) -> User:
    return User(
        name,
        certificate=_decoded(body, "client-certificate-data"),
        key=_decoded(body, "client-key-data"),
        certificate_file=_text(body, "client-certificate"),
        key_file=_text(body, "client-key"),
        other=next((way for way in OTHER_WAYS if body.get(way)), ""),
    )


def _decoded(body: Mapping[str, Any], key: str) -> bytes:
    try:
        return base64.b64decode("".join(_text(body, key).split()), validate=True)
    except (binascii.Error, ValueError):
        raise Unreadable("malformed", f"{key} is no base64") from None


def _text(body: Mapping[str, Any], key: str) -> str:
    value = body.get(key)
    return value if isinstance(value, str) else ""
