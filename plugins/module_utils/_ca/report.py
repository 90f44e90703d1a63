# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How far a cluster is in the rotation of its CAs, and what keeps it from going on (pure)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from . import model

# Stages by the names that the playbook uses; two of them concern the cluster, not its nodes.
PUBLISHED, WITHDRAWN = "published", "withdrawn"
WORDS = {
    model.MADE: "the incoming CAs lie beside the old ones on the control planes",
    model.TRUSTED: "every node trusts both; what reads them at its start restarts, one control plane at a time",
    PUBLISHED: "cluster-info and the pods' bundles hold both; pods are replaced",
    model.SIGNED: "the incoming CAs sign; control planes have certificates and kubeconfigs of theirs",
    model.MOVED: "every kubelet has a client certificate of the incoming CA",
    model.DROPPED: "no node trusts the old CAs; what reads them at its start restarts once more",
    WITHDRAWN: "cluster-info, the pods' bundles and aggregated API servers hold the new CAs alone",
    model.FINISHED: "what only the rotation needed is removed",
}
ORDER = tuple(WORDS)
_LEVELS = (model.NOTHING, *model.STAGES)
ON_CONTROL_PLANES = (model.MADE, model.SIGNED, model.FINISHED)


def start(control_planes: Sequence[str], results: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return ``authorities`` to rotate, the ``holder`` of the incoming ones, and those due that are ``left`` for later.

    A rotation under way is ended before another CA is begun. One that was stopped before any node trusts what comes
    takes up what is due besides: it was stopped while it made several.
    """
    found = [(host, one) for host in control_planes for one in results.get(host, {}).get("authorities", [])]
    holders = [host for host, one in found if one["incoming"]]
    holder = (holders or [*control_planes, ""])[0]
    begun = {one["name"] for __, one in found if one["incoming"]}
    due = {one["name"] for __, one in found if one["due"]} - begun
    # The first one makes them; another one could not hand out what it has not made yet.
    early = all(one["reached"] in (model.NOTHING, model.MADE) for __, one in found) and holder in control_planes[:1]
    names = begun | due if early else begun
    return {
        "authorities": [name for name in model.NAMES if name in names],
        "holder": holder,
        "left": [name for name in model.NAMES if name in due - names],
    }


def report(
    started: Mapping[str, Any],
    results: Mapping[str, Mapping[str, Any]],
    control_planes: Sequence[str],
    left_out: Sequence[str],
    nodes: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    """Return the ``table`` of stages and ``refusals``, sentences.

    results: what ca_rotation returned, by host. nodes: the cluster's, with name and ready.
    """
    if not started["authorities"]:
        return {"table": ["nothing to rotate"], "refusals": []}
    stages = [f"{stage:<10} {words}: {_progress(stage, results, control_planes)}" for stage, words in WORDS.items()]
    left = [f"due too, and left for a later run: {', '.join(started['left'])}"] if started.get("left") else []
    return {
        "table": [f"{', '.join(started['authorities'])} to rotate", *left, *stages],
        "refusals": _refusals(results, left_out, nodes),
    }


def _progress(stage: str, results: Mapping[str, Mapping[str, Any]], control_planes: Sequence[str]) -> str:
    if stage in (PUBLISHED, WITHDRAWN):
        return "looked at when its turn comes"
    hosts = [host for host in results if host in control_planes or stage not in ON_CONTROL_PLANES]
    done = [host for host in hosts if _done(stage, results[host])]
    left = [host for host in hosts if host not in done]
    return "; ".join(f"{word} {', '.join(names)}" for word, names in (("done on", done), ("to do on", left)) if names)


def _done(stage: str, result: Mapping[str, Any]) -> bool:
    reached = [_LEVELS.index(one["reached"]) for one in result.get("authorities", [])]
    if not reached or stage == model.FINISHED:
        return not reached
    wanted = model.SIGNED if stage == model.MOVED else stage
    behind = [name for name in result.get("behind", []) if stage == model.MOVED or name not in model.KUBELET_LEAVES]
    return min(reached) >= _LEVELS.index(wanted) and not (stage in (model.SIGNED, model.MOVED) and behind)


def _refusals(
    results: Mapping[str, Mapping[str, Any]], left_out: Sequence[str], nodes: Sequence[Mapping[str, Any]]
) -> list[str]:
    """A node that is not taken along would be cut off when the old CA is dropped."""
    known = {result.get("node_name") for result in results.values()}
    away = _behind(results)
    unknown = [str(node["name"]) for node in nodes if node["name"] not in known]
    down = [str(node["name"]) for node in nodes if not node["ready"] and node["name"] not in away]
    found = []
    for name in model.NAMES:
        found += _two_incoming(name, results)
    if left_out:
        found.append(f"The run leaves out {', '.join(left_out)}. Fix: run without --limit, with every host up.")
    if unknown:
        found.append(f"Nodes of the cluster are no hosts of this run: {', '.join(unknown)}. Fix: add or remove them.")
    if down:
        found.append(f"Nodes are not Ready: {', '.join(down)}. Fix: repair or remove them first.")
    return found


def _behind(results: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Nodes that others are ahead of: the rotation itself may have cut them off, and going on brings them back."""
    rotated = [result for result in results.values() if result.get("authorities")]
    furthest = max((_lowest(result) for result in rotated), default=0)
    signs = _LEVELS.index(model.SIGNED) <= furthest
    late = [result for result in rotated if _lowest(result) < furthest or (signs and result.get("behind"))]
    return [str(result["node_name"]) for result in late]


def _lowest(result: Mapping[str, Any]) -> int:
    return min(_LEVELS.index(one["reached"]) for one in result["authorities"])


def _two_incoming(name: str, results: Mapping[str, Mapping[str, Any]]) -> list[str]:
    holders: dict[str, list[str]] = {}
    for host, result in results.items():
        for one in result.get("authorities", []):
            if one["name"] == name and one["incoming"]:
                holders.setdefault(one["incoming"], []).append(host)
    if len(holders) < 2:
        return []
    seen = "; ".join(f"{mark[:12]} on {', '.join(hosts)}" for mark, hosts in holders.items())
    return [
        f"{name} has more than one incoming CA: {seen}. Fix: remove the -next files of all but one that no node trusts."
    ]
