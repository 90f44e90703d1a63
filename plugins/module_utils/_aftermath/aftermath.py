# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a restore leaves behind: nodes and pods that the cluster's data and reality disagree about (pure).

https://github.com/kubernetes/kubernetes/issues/131115
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_SOURCE = "kubernetes.io/config.source"
_FILE = "file"
READY = "SANDBOX_READY"


@dataclass(frozen=True)
class Nodes:
    """Nodes by what became of them.

    Attributes:
        alive: their kubelets renewed their leases since we look.
        silent: wanted, and their kubelets did not.
        missing: wanted, and the cluster has no Node object of theirs.
        stale: the cluster has a Node object, the inventory does not, and no kubelet renews its lease.
    """

    alive: tuple[str, ...]
    silent: tuple[str, ...]
    missing: tuple[str, ...]
    stale: tuple[str, ...]


def renewals(leases: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """When each node's lease was renewed, by name."""
    return {lease["metadata"]["name"]: lease.get("spec", {}).get("renewTime") or "" for lease in leases}


def judge(wanted: Sequence[str], known: Sequence[str], before: Mapping[str, str], after: Mapping[str, str]) -> Nodes:
    """Compare the leases of two moments; known: names of the Node objects."""
    beating = {name for name, renewed in after.items() if renewed != before.get(name)}
    return Nodes(
        alive=tuple(sorted(set(known) & beating)),
        silent=tuple(sorted(set(wanted) & set(known) - beating)),
        missing=tuple(sorted(set(wanted) - set(known))),
        stale=tuple(sorted(set(known) - set(wanted) - beating)),
    )


@dataclass(frozen=True)
class Sandbox:
    """A pod as a node's container runtime has it."""

    id: str
    uid: str
    name: str
    namespace: str

    def as_dict(self) -> dict[str, str]:
        """Return plain data for results."""
        return {"id": self.id, "uid": self.uid, "name": self.name, "namespace": self.namespace}


def phantoms(sandboxes: Iterable[Mapping[str, Any]], known: Iterable[str]) -> list[Sandbox]:
    """Return the running pods whose uid the API does not know; static pods come from files and are none.

    sandboxes: items of ``crictl pods --output json``.
    """
    uids = set(known)
    found = []
    for item in sandboxes:
        labels, annotations = item.get("labels") or {}, item.get("annotations") or {}
        uid = labels.get("io.kubernetes.pod.uid", "")
        ours = item.get("state") == READY and uid and annotations.get(_SOURCE) != _FILE
        if ours and uid not in uids:
            metadata = item["metadata"]
            found.append(Sandbox(item["id"], uid, metadata["name"], metadata["namespace"]))
    return sorted(found, key=lambda sandbox: (sandbox.namespace, sandbox.name))
