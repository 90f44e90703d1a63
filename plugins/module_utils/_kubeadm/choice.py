# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Chooses where a cluster is initialised, from what was observed on the control planes (pure)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from . import state

Observed = Mapping[str, Any]


@dataclass(frozen=True)
class Choice:
    """Where to run kubeadm init.

    Attributes:
        init_host: host to initialise the cluster on, empty when there is nothing to initialise
            or when not every control plane could be observed (kubeadm join then finds the
            cluster, or says that nobody answers).
        refusal: why nothing may be done, empty when something may.
    """

    init_host: str = ""
    refusal: str = ""


def choose(order: Sequence[str], observed: Mapping[str, Observed]) -> Choice:
    """Choose among control planes.

    order is the group in inventory order; observed holds ``kubeops_node.kubernetes`` of the
    hosts that could be observed. A cluster is only made where every control plane was seen
    to have none, or goes on where kubeadm init is known to have stopped.
    """
    seen = {host: observed[host] for host in order if host in observed}
    complete = [host for host in seen if _is_control_plane(seen[host], state.COMPLETE)]
    if complete:
        return Choice(refusal=_different_clusters(complete, seen) or _none_healthy(complete, seen))
    unobserved = [host for host in order if host not in seen]
    partial = [host for host in seen if seen[host]["state"] == state.PARTIAL]
    if partial:
        return _choose_partial(partial, seen, unobserved)
    return Choice() if unobserved else Choice(init_host=order[0] if order else "")


def _choose_partial(partial: Sequence[str], seen: Mapping[str, Observed], unobserved: Sequence[str]) -> Choice:
    """Where an init stopped, init goes on; otherwise the cluster may be where nobody looked.

    A stopped join means that it is. What else is half there may be a broken member of it.
    """
    began = [host for host in partial if seen[host]["markers"]["unfinished"] == "init"]
    joined = [host for host in partial if seen[host]["markers"]["unfinished"] == "join"]
    if len(began) == 1:
        return Choice(init_host=began[0])
    if len(began) > 1:
        return Choice(
            refusal="Two clusters were begun. Seen: kubeadm init did not end on "
            f"{', '.join(began)}. Fix: keep one, and reset the others with kubeops_on_partial=reset and --limit."
        )
    return Choice() if joined or unobserved else Choice(init_host=partial[0])


def _is_control_plane(kubernetes: Observed, wanted: str) -> bool:
    return bool(kubernetes["state"] == wanted and kubernetes["role"] == state.CONTROL_PLANE)


def _different_clusters(complete: Sequence[str], seen: Mapping[str, Observed]) -> str:
    authorities = {host: seen[host].get("cluster_ca", "") for host in complete}
    if len(set(authorities.values()) - {""}) < 2:
        return ""
    listed = ", ".join(f"{host} (CA {ca[:12]})" for host, ca in authorities.items())
    return (
        f"The control planes belong to different clusters. Seen: {listed}. "
        "Fix: take the hosts that do not belong here out of the group control_plane."
    )


def _none_healthy(complete: Sequence[str], seen: Mapping[str, Observed]) -> str:
    if any(seen[host]["api_ready"] for host in complete):
        return ""
    listed = ", ".join(f"{host} (kubelet healthy: {seen[host]['kubelet_healthy']})" for host in complete)
    return (
        f"The cluster exists, but no API server answers. Seen: not ready on {listed}. "
        "Fix: bring one control plane back (kubelet and container runtime running, etcd with quorum), then run again."
    )
