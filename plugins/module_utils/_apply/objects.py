# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kubernetes objects as a manifest has them. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

Object = Mapping[str, Any]

# Set by the API server; no manifest asks for them.
_SERVER_SIDE = ("managedFields", "resourceVersion", "generation", "uid", "creationTimestamp", "selfLink")


class Key(NamedTuple):
    """What tells one object from another in one cluster, whatever API version it is written in."""

    group: str
    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        scope = f"{self.namespace}/" if self.namespace not in ("", "default") else ""
        return f"{self.kind} {scope}{self.name}"


def key(item: Object) -> Key:
    """Objects without a namespace compare as in `default`, where kubectl puts namespaced ones."""
    metadata = item.get("metadata") or {}
    group = str(item.get("apiVersion", "")).rpartition("/")[0]
    namespace = metadata.get("namespace") or "default"
    return Key(group, str(item.get("kind", "")), namespace, str(metadata.get("name", "")))


def flatten(documents: Iterable[Object | None]) -> list[Object]:
    """Objects of a manifest: empty documents dropped, Lists opened."""
    found: list[Object] = []
    for document in documents:
        if not document:
            continue
        if str(document.get("kind", "")).endswith("List") and "items" in document:
            found.extend(flatten(document["items"]))
        else:
            found.append(document)
    return found


def as_list(items: Iterable[Object]) -> str:
    """One JSON document that kubectl reads as all of them."""
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": list(items)})


def from_answer(text: str) -> dict[Key, Object]:
    """What kubectl printed with -o json: nothing, one object or a List."""
    return {key(item): item for item in flatten([json.loads(text)])} if text.strip() else {}


def comparable(item: Object) -> dict[str, Any]:
    """The part of an object that a manifest decides, and the server's defaults for it."""
    kept = {name: value for name, value in item.items() if name != "status"}
    metadata = item.get("metadata") or {}
    kept["metadata"] = {name: value for name, value in metadata.items() if name not in _SERVER_SIDE}
    return kept


def prerequisites(items: Iterable[Object]) -> list[Object]:
    """Namespaces and CustomResourceDefinitions: other objects need them to be there."""
    return [item for item in items if item.get("kind") in ("Namespace", "CustomResourceDefinition")]


def custom_kinds(items: Iterable[Object]) -> dict[tuple[str, str], Key]:
    """(group, kind) of every custom resource that the manifest itself defines, and its definition."""
    definitions = [item for item in items if item.get("kind") == "CustomResourceDefinition"]
    return {(item["spec"]["group"], item["spec"]["names"]["kind"]): key(item) for item in definitions}
