# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""etcd members as data (pure)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Member:
    """One member of an etcd cluster.

    Attributes:
        id: decimal number as the gateway gives it, a string because it is 64 bits wide.
        name: empty while the member was announced but never started.
        is_learner: receives the log, has no vote.
        healthy: answered a status request without errors, and follows the leader of a quorum; None when not asked.
        full: would be healthy, but for the alarm that its database has reached its quota.
    """

    id: str
    name: str
    peer_urls: tuple[str, ...]
    client_urls: tuple[str, ...]
    is_learner: bool = False
    healthy: bool | None = None
    full: bool = False

    @property
    def works(self) -> bool:
        """Whether it counts for a quorum: a member that is full takes no writes of clients, and votes all the same."""
        return bool(self.healthy) or self.full

    def as_dict(self) -> dict[str, Any]:
        """Return plain data for results and facts."""
        return {
            "id": self.id,
            "name": self.name,
            "peer_urls": list(self.peer_urls),
            "client_urls": list(self.client_urls),
            "is_learner": self.is_learner,
            "healthy": self.healthy,
            "works": self.works,
        }


def member_from_json(entry: Mapping[str, Any]) -> Member:
    """Build a member from an entry of /v3/cluster/member/list, which leaves out what is empty."""
    return Member(
        id=str(entry.get("ID", "")),
        name=str(entry.get("name", "")),
        peer_urls=tuple(entry.get("peerURLs", ())),
        client_urls=tuple(entry.get("clientURLs", ())),
        is_learner=bool(entry.get("isLearner", False)),
    )
