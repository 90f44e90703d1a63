# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asks etcd by etcdctl, where the gateway is switched off. The snapshot itself needs no gateway, see _core.grpc."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .._core import grpc
from .._core.runner import Runner
from .gateway import Gateway
from .model import Member

TIMEOUT_SECONDS = 15.0
# https://github.com/etcd-io/etcd/blob/main/api/etcdserverpb/rpc.proto, AlarmRequest; no etcdctl lifts one alarm alone.
ALARM, DEACTIVATE, ALARMS = "/etcdserverpb.Maintenance/Alarm", 2, ("NONE", "NOSPACE", "CORRUPT")
# The same file, MemberListRequest, which asks no quorum unless it says so, MemberListResponse and Member.
MEMBER_LIST, MEMBERS = "/etcdserverpb.Cluster/MemberList", 2
ID, NAME, PEER_URLS, CLIENT_URLS, IS_LEARNER = 1, 2, 3, 4, 5
_COUNT = re.compile(r'"Count" : (\d+)')  # etcdctl counts in no other form


@dataclass(frozen=True)
class Etcdctl(Gateway):
    """One etcd endpoint without a gateway."""

    program: str
    runner: Runner

    def members(self) -> list[Member]:
        """Return the member list, as this member has it.

        Over gRPC: etcdctl asks a quorum for it, and before 3.6 nothing talks it out of that.
        """
        answer = next(grpc.stream(self.url, MEMBER_LIST, b"", **self._credentials, timeout=TIMEOUT_SECONDS))
        return [member_from_grpc(entry) for entry in grpc.repeated(answer, MEMBERS)]

    def status(self) -> Mapping[str, Any]:
        """Return this member's status."""
        answer: Mapping[str, Any] = self._json("endpoint", "status")[0]["Status"]
        return answer

    def alarms(self) -> list[tuple[str, str]]:
        """Return every alarm as a member's id and the alarm's name."""
        told = self._json("alarm", "list").get("alarms") or []
        return [(str(entry.get("memberID", "0")), ALARMS[entry.get("alarm", 0)]) for entry in told]

    def disarm(self, member_id: str, alarm: str) -> None:
        """Lift an alarm of a member."""
        numbers = ((1, DEACTIVATE), (2, int(member_id)), (3, ALARMS.index(alarm)))
        asked = b"".join(grpc.with_number(at, value) for at, value in numbers)
        for __ in grpc.stream(self.url, ALARM, asked, **self._credentials, timeout=TIMEOUT_SECONDS):
            pass

    def keys_at(self, revision: int) -> dict[str, int]:
        """Return how many keys there are at a revision, and their hash."""
        counted = self._ask("fields", "get", "", "--from-key", "--count-only", f"--rev={revision}", "--consistency=s")
        count = _COUNT.search(counted)
        hashed = self._json("endpoint", "hashkv", f"--rev={revision}")[0]["HashKV"]
        return {
            "count": int(count[1]) if count else 0,
            "hash": int(hashed.get("hash", 0)),
            "compact_revision": int(hashed.get("compact_revision", 0)),
        }

    def _json(self, *words: str) -> Any:
        return json.loads(self._ask("json", *words))

    def _ask(self, form: str, *words: str) -> str:
        environment = {
            "ETCDCTL_API": "3",
            "ETCDCTL_ENDPOINTS": self.url,
            "ETCDCTL_CACERT": self.ca_file,
            "ETCDCTL_CERT": self.cert_file,
            "ETCDCTL_KEY": self.key_file,
        }
        argv = [self.program, *words, f"--write-out={form}", "--command-timeout=10s"]
        return self.runner.run(argv, env=environment, timeout=TIMEOUT_SECONDS).stdout


def member_from_grpc(entry: bytes) -> Member:
    """Build a member from a message of that name."""
    return Member(
        id=str(grpc.number(entry, ID)),
        name=grpc.field(entry, NAME).decode(),
        peer_urls=tuple(url.decode() for url in grpc.repeated(entry, PEER_URLS)),
        client_urls=tuple(url.decode() for url in grpc.repeated(entry, CLIENT_URLS)),
        is_learner=bool(grpc.number(entry, IS_LEARNER)),
    )
