# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Carries out the plan of one host."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from .._core import clock
from .._core.errors import KubeopsError
from .._core.plan import Plan, Step
from .._etcd import alarms
from .._etcd.gateway import Gateway
from . import birth, plan
from .daemon import Daemon, set_data_aside
from .probe import Cluster, has_data

POLL_SECONDS = 0.5


@dataclass
class Host:
    """What the steps work on. `kept` collects where old data went. timeout: seconds for one step."""

    cluster: Cluster
    daemon: Daemon
    name: str
    url: str
    peer_url: str
    data_dir: str
    timeout: float
    kept: list[str] = field(default_factory=list)
    last_error: str = ""

    def carry_out(self, decided: Plan) -> None:
        """Every step, in order, each until it shows."""
        for step in decided.steps:
            ACTIONS[step.action](self, step)

    def set_aside(self, _step: Step) -> None:
        """Old data would start the wrong member."""
        self.daemon.stop()
        kept = set_data_aside(self.data_dir)
        if kept:
            self.kept.append(kept)

    def remove(self, step: Step) -> None:
        """A member that may not come back leaves the list before its successor enters it."""
        self.set_aside(step)
        self._of_others().remove(step.data["id"])

    def bootstrap(self, _step: Step) -> None:
        """The first member of a new cluster."""
        self.daemon.bear((), birth.NEW)
        self._wait("to lead a cluster of its own", self._leads_or_follows)

    def announce(self, _step: Step) -> None:
        """A learner has no vote, so that a member that never comes up costs no quorum.

        etcd takes a member only some seconds after the last one connected (strict-reconfig-check).
        """
        self._wait("to be let in by the others", self._announced)

    def start(self, _step: Step) -> None:
        """Start on the data that is there, or be born into the list of members."""
        if has_data(self.data_dir):
            self.daemon.start()
        else:
            members, silence = self.cluster.members()
            if members is None:
                raise KubeopsError("the member list cannot be read", seen=silence)
            self.daemon.bear(members, birth.EXISTING)
        self._wait("to join the others", self._answers)

    def restart(self, step: Step) -> None:
        """Leadership is handed over first: an election costs writes, a transfer does not."""
        self._hand_over()
        self.daemon.restart()
        self._wait("to come back", self._leads_or_follows)

    def promote(self, _step: Step) -> None:
        """A learner becomes a voter as soon as it has the leader's log."""
        self._wait("to catch up with the leader", self._promoted)

    def _hand_over(self) -> None:
        status = self.cluster.status(self.url)
        me = status.get("header", {}).get("member_id")
        if not me or status.get("leader") != me:
            return
        members = self.cluster.at(self.url).members_with_health()
        heirs = [member.id for member in members if member.id != me and member.works and not member.is_learner]
        if heirs:
            self.cluster.at(self.url).move_leader(heirs[0])

    def _of_others(self) -> Gateway:
        gateway, silence = Cluster(
            self.cluster.gateway, [url for url in self.cluster.urls if url != self.url]
        ).answering()
        if gateway is None:
            raise KubeopsError("no other member of etcd has a quorum", seen=silence)
        return gateway

    def _announced(self) -> bool:
        try:
            others = self._of_others()
            if not any(self.peer_url in member.peer_urls for member in others.members()):
                others.add_learner([self.peer_url])
        except KubeopsError as error:
            self.last_error = str(error)
            return False
        return True

    def _answers(self) -> bool:
        return bool(self.cluster.status(self.url))

    def _leads_or_follows(self) -> bool:
        status = self.cluster.status(self.url)
        me = str(status.get("header", {}).get("member_id", ""))
        return str(status.get("leader", "0")) != "0" and not alarms.hindering(status.get("errors", ()), me)

    def _promoted(self) -> bool:
        gateway, _silence = self.cluster.answering()
        if gateway is None:
            return False
        mine = [member for member in gateway.members() if self.peer_url in member.peer_urls]
        if mine and not mine[0].is_learner:
            return True
        try:
            gateway.promote(mine[0].id)
        except KubeopsError as error:
            self.last_error = str(error)  # "can only promote a learner member which is in sync with leader"
            return False
        return True

    def _wait(self, what: str, ready: Callable[[], bool]) -> None:
        deadline = clock.monotonic() + self.timeout
        while not ready():
            if clock.monotonic() > deadline:
                raise KubeopsError(
                    f"etcd member {self.name} had {self.timeout:g} s {what} and did not",
                    seen=self.last_error or str(dict(self.cluster.status(self.url))),
                    fix="look at etcd's log on this host (systemd: journalctl -u etcd; kubeadm: crictl logs)",
                )
            time.sleep(POLL_SECONDS)


ACTIONS: dict[str, Callable[[Host, Step], None]] = {
    plan.SET_ASIDE: Host.set_aside,
    plan.REMOVE: Host.remove,
    plan.BOOTSTRAP: Host.bootstrap,
    plan.ANNOUNCE: Host.announce,
    plan.START: Host.start,
    plan.RESTART: Host.restart,
    plan.PROMOTE: Host.promote,
}
