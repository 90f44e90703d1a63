# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The gateway with what changes the membership.

https://etcd.io/docs/v3.6/dev-guide/api_reference_v3/ (service Cluster)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .._etcd.gateway import Gateway
from .._etcd.model import Member, member_from_json


@dataclass(frozen=True)
class Membership(Gateway):
    """One etcd endpoint that is asked to change who belongs to the cluster."""

    def members_by_quorum(self) -> list[Member]:
        """The member list as a quorum has it; raises KubeopsError where there is none."""
        answer = self._post("/v3/cluster/member/list", {"linearizable": True})
        return [member_from_json(entry) for entry in answer.get("members", [])]

    def add_learner(self, peer_urls: Sequence[str]) -> None:
        """Announce a member without a vote."""
        self._post("/v3/cluster/member/add", {"peerURLs": list(peer_urls), "isLearner": True})

    def promote(self, member_id: str) -> None:
        """Give a learner its vote; raises KubeopsError while it is behind the leader."""
        self._post("/v3/cluster/member/promote", {"ID": member_id})

    def move_leader(self, member_id: str) -> None:
        """Hand leadership over; only the leader itself can."""
        self._post("/v3/maintenance/transfer-leadership", {"targetID": member_id})
