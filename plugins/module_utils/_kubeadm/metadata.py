# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Labels and taints of nodes: what to set and what of ours to remove (pure).

What was set last stands in two annotations of the Node, so a label taken out of the
inventory is taken off the node, and labels and taints of others are left alone. kubeadm's
taint of control planes is ours as soon as a list of taints is given, be it empty.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

LABELS_ANNOTATION = "kubeops.io/managed-labels"
TAINTS_ANNOTATION = "kubeops.io/managed-taints"
# https://kubernetes.io/docs/reference/labels-annotations-taints/#node-role-kubernetes-io-control-plane-taint
CONTROL_PLANE_TAINT = "node-role.kubernetes.io/control-plane:NoSchedule"


def patch(
    node: Mapping[str, Any], labels: Mapping[str, Any], taints: Sequence[Mapping[str, str]] | None
) -> dict[str, Any]:
    """Return a JSON merge patch that brings the Node to the wanted metadata; empty when it is there."""
    metadata = _metadata_patch(node, {name: str(value) for name, value in labels.items()}, taints or [])
    wanted = _taints(node, taints)
    spec = {"taints": wanted} if _by_key(wanted) != _by_key(_present(node)) else {}
    return {**({"metadata": metadata} if metadata else {}), **({"spec": spec} if spec else {})}


def summary(node: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of a Node that this module manages, for diffs."""
    return {"labels": dict(node["metadata"].get("labels", {})), "taints": [_label(taint) for taint in _present(node)]}


def applied(node: Mapping[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    """Return the summary the Node would have after the patch."""
    labels = {**node["metadata"].get("labels", {}), **change.get("metadata", {}).get("labels", {})}
    taints = change.get("spec", {}).get("taints", _present(node))
    return {
        "labels": {name: value for name, value in labels.items() if value is not None},
        "taints": [_label(taint) for taint in taints],
    }


def _metadata_patch(
    node: Mapping[str, Any], labels: Mapping[str, str], taints: Sequence[Mapping[str, str]]
) -> dict[str, Any]:
    present = node["metadata"].get("labels", {})
    changed: dict[str, str | None] = {name: value for name, value in labels.items() if present.get(name) != value}
    changed.update({name: None for name in _managed(node, LABELS_ANNOTATION) if name not in labels and name in present})
    annotations = {
        **_annotation(node, LABELS_ANNOTATION, sorted(labels)),
        **_annotation(node, TAINTS_ANNOTATION, sorted(_key(taint) for taint in taints)),
    }
    return {
        **({"labels": changed} if changed else {}),
        **({"annotations": annotations} if annotations else {}),
    }


def _annotation(node: Mapping[str, Any], name: str, entries: Sequence[str]) -> dict[str, str | None]:
    if list(entries) == _managed(node, name):
        return {}
    return {name: json.dumps(list(entries)) if entries else None}


def _taints(node: Mapping[str, Any], given: Sequence[Mapping[str, str]] | None) -> list[Mapping[str, str]]:
    """Others' taints in their order, then ours. Ours are those wanted now or set by us before."""
    wanted = given or []
    ours = {_key(taint) for taint in wanted} | set(_managed(node, TAINTS_ANNOTATION))
    ours |= set() if given is None else {CONTROL_PLANE_TAINT}
    return [taint for taint in _present(node) if _key(taint) not in ours] + [_clean(taint) for taint in wanted]


def _managed(node: Mapping[str, Any], annotation: str) -> list[str]:
    text = node["metadata"].get("annotations", {}).get(annotation, "[]")
    return [str(entry) for entry in json.loads(text)]


def _present(node: Mapping[str, Any]) -> list[Mapping[str, str]]:
    return list(node.get("spec", {}).get("taints", []))


def _by_key(taints: Sequence[Mapping[str, str]]) -> dict[str, str]:
    return {_key(taint): taint.get("value", "") for taint in taints}


def _clean(taint: Mapping[str, str]) -> dict[str, str]:
    return {name: str(taint[name]) for name in ("key", "value", "effect") if taint.get(name)}


def _key(taint: Mapping[str, str]) -> str:
    return f"{taint['key']}:{taint['effect']}"


def _label(taint: Mapping[str, str]) -> str:
    value = f"={taint['value']}" if taint.get("value") else ""
    return f"{taint['key']}{value}:{taint['effect']}"
