# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asks the members of the cluster and looks at this host."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from .._core.errors import KubeopsError
from .._core.runner import Runner
from .._etcd import agreement, alarms, quorum
from .._etcd.content import Content
from .._etcd.gateway import NOT_FOUND, Gateway
from .._etcd.model import Member
from .._systemd.probe import read_units
from . import versions
from .daemon import Daemon
from .plan import Observed


@dataclass(frozen=True)
class View:
    """The members as one of them lists them, and why it has no quorum; empty where it has."""

    members: Sequence[Member]
    refusal: str = ""


def with_quorum(views: Mapping[str, View], on_disk: int = 0) -> tuple[str, str]:
    """The first URL whose member has a quorum, or what each of them said instead (pure).

    A quorum of a cluster that is too small to be the one others know does not count, see quorum.outnumbered.
    on_disk is how many voters the data on this host knows.
    """
    known = max((quorum.voter_count(view.members) for view in views.values()), default=0)
    knows, known = ("the data on this host", on_disk) if on_disk > known else ("another member", known)
    replies = []
    for url, view in views.items():
        refusal = view.refusal
        if not refusal and quorum.outnumbered(view.members, known):
            refusal = f"it lists {quorum.voter_count(view.members)} of the {known} voters that {knows} knows"
        if not refusal:
            return url, ""
        replies.append(f"{url}: {refusal}")
    return "", "; ".join(replies)


@dataclass(frozen=True)
class Cluster:
    """How the members are reached: a gateway that knows the certificates, and every client URL.

    Attributes:
        on_disk: how many voters the data on this host knows; 0 where it is not asked.
    """

    gateway: Gateway
    urls: Sequence[str]
    on_disk: int = 0

    def at(self, url: str) -> Gateway:
        """The gateway of one member."""
        return replace(self.gateway, url=url)

    def answering(self) -> tuple[Gateway | None, str]:
        """A member that has a quorum, or what they said instead."""
        with ThreadPoolExecutor(max_workers=max(1, len(self.urls))) as pool:
            views = list(pool.map(self._view, self.urls))
        at, silence = with_quorum(dict(zip(self.urls, views)), self.on_disk)
        return (self.at(at) if at else None), silence

    def _view(self, url: str) -> View:
        listed: Sequence[Member] = ()
        try:
            listed = self.at(url).members()
            self.at(url).members_by_quorum()
        except KubeopsError as error:
            if error.details.get("status") == NOT_FOUND:  # no silence: rescue_etcd would be the wrong way out
                fix = "start etcd without --enable-grpc-gateway=false: members are changed over it"
                raise KubeopsError(error.what, f"{url}: {error.seen}", fix) from error
            return View(listed, error.seen or error.what)
        return View(listed)

    def members(self) -> tuple[Sequence[Member] | None, str]:
        """The members with their health, as one with a quorum knows them, or what was said instead."""
        gateway, silence = self.answering()
        return (gateway.members_with_health() if gateway else None), silence

    def alarms(self) -> list[str]:
        """A warning for each alarm; none where no member has a quorum."""
        gateway, _silence = self.answering()
        return alarms.warnings(gateway.alarms(), gateway.members()) if gateway else []

    def content(self, member: Member) -> Content:
        """How a member that works compares with the others."""
        gateway, silence = self.answering()
        if gateway is None:
            raise KubeopsError("no member of etcd has a quorum any more", seen=silence)
        return agreement.compare(gateway, member)

    def versions(self) -> dict[str, versions.Version]:
        """Version that runs, by URL, of those that answer. See stopped_version for the others."""
        found = {}
        for url in self.urls:
            version = versions.parse(str(self.status(url).get("version", "")))
            if version:
                found[url] = version
        return found

    def status(self, url: str) -> Mapping[str, Any]:
        """What a member says of itself; empty where it does not answer."""
        try:
            return self.at(url).status()
        except KubeopsError:
            return {}


def has_data(data_dir: str) -> bool:
    """Whether the directory holds a member: etcd writes its log before anything else."""
    return any(Path(data_dir, "member", "wal").glob("*.wal"))


def observe(cluster: Cluster, daemon: Daemon, data_dir: str, stale: str) -> Observed:
    """This host and the cluster, now."""
    members, silence = cluster.members()
    return Observed(has_data(data_dir), daemon.active(), stale, members, silence, daemon.lacks())


def stopped_version(runner: Runner, unit: str, data_dir: str) -> versions.Version | None:
    """Version that last wrote this host's data, for a member that does not answer; None where nothing tells.

    That is the program of its unit, which names another one only after that one was found fit to follow.
    """
    program = read_units(runner, [unit])[unit].program if has_data(data_dir) else ""
    return installed_version(runner, program) if program else None


def installed_version(runner: Runner, binary: str) -> versions.Version | None:
    """Version of the program on the disk; None where it is not there yet."""
    if not Path(binary).exists():
        return None
    return versions.parse(runner.run([binary, "--version"]).stdout)
