# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How etcd is started and stopped on a host: a systemd unit, or a static pod of kubeadm."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from .._core import clock, files, processes
from .._core.errors import KubeopsError
from .._core.runner import Runner
from .._etcd.model import Member
from .._static_pods import pods
from .._systemd.probe import read_units
from . import birth

STOP_TIMEOUT = 120.0
START_TIMEOUT = 180.0


class Daemon(Protocol):
    """What the plan's steps need of either."""

    def active(self) -> bool:
        """Whether etcd runs."""

    def lacks(self) -> str:
        """Without what it can never be started here; empty where there is everything."""

    def start(self) -> None:
        """Start it on the data that is there."""

    def bear(self, members: Sequence[Member], state: str) -> None:
        """Start it for the first time, as one of these members."""

    def stop(self) -> None:
        """Stop it and wait until it has."""

    def restart(self) -> None:
        """Stop and start."""


@dataclass(frozen=True)
class Unit:
    """etcd as a systemd unit. `birth_file` is read by its first start and removed after it."""

    runner: Runner
    name: str
    member: str
    peer_url: str
    birth_file: str

    def active(self) -> bool:
        return read_units(self.runner, [self.name])[self.name].active

    def lacks(self) -> str:
        return ""  # whoever wants a member writes its unit first

    def start(self) -> None:
        self._systemctl("start")

    def bear(self, members: Sequence[Member], state: str) -> None:
        cluster = birth.initial_cluster(members, self.member, self.peer_url)
        Path(self.birth_file).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        files.write_atomic(self.birth_file, birth.environment(cluster, state), mode=0o600)
        self._systemctl("start")

    def stop(self) -> None:
        self.runner.run(["systemctl", "stop", self.name], timeout=STOP_TIMEOUT)

    def restart(self) -> None:
        self._systemctl("restart")

    def _systemctl(self, verb: str) -> None:
        self.runner.run(["systemctl", "daemon-reload"], timeout=STOP_TIMEOUT)
        # A unit that failed too often may be started once more.
        self.runner.run(["systemctl", "reset-failed", self.name], check=False)
        result = self.runner.run(["systemctl", verb, self.name], timeout=START_TIMEOUT, check=False)
        if result.rc != 0:
            log = self.runner.run(["journalctl", "--unit", self.name, "--lines", "20", "--no-pager", "--output", "cat"])
            raise KubeopsError(f"systemctl {verb} {self.name} failed", seen=f"{result.stderr.strip()}\n{log.stdout}")


@dataclass(frozen=True)
class StaticPod:
    """etcd as kubeadm runs it."""

    member: str
    peer_url: str

    def active(self) -> bool:
        return pods.manifest("etcd").exists() and bool(processes.running("etcd"))

    def lacks(self) -> str:
        return "" if pods.manifest_text("etcd") else f"{pods.manifest('etcd')}, nor was it set aside"

    def start(self) -> None:
        pods.start(["etcd"])

    def bear(self, members: Sequence[Member], state: str) -> None:
        cluster = birth.initial_cluster(members, self.member, self.peer_url)
        text = birth.manifest(pods.manifest_text("etcd"), cluster, state)
        pods.stop(["etcd"], STOP_TIMEOUT)
        files.write_atomic(str(pods.stopped_manifest("etcd")), text, mode=0o600, backup=True)
        pods.start(["etcd"])

    def stop(self) -> None:
        pods.stop(["etcd"], STOP_TIMEOUT)

    def restart(self) -> None:
        self.stop()
        self.start()


def set_data_aside(data_dir: str) -> str:
    """Rename the member's data within its directory and return where it is kept; empty where there is none.

    A rename needs no space and cannot stop half way; etcd passes over what it does not know there.
    """
    source = Path(data_dir, "member")
    if not source.exists():
        return ""
    target = source.with_name(f"member.{clock.now():%Y%m%dT%H%M%SZ}")
    source.rename(target)
    files.sync_directory(data_dir)
    return str(target)
