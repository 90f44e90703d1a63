# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Speaks to etcd over its HTTPS gateway with the node's own certificates: no etcdctl needed.

https://etcd.io/docs/v3.6/dev-guide/api_grpc_gateway/
"""

from __future__ import annotations

import json
from binascii import a2b_base64, b2a_base64
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

from .._core import grpc, http
from .._core.errors import KubeopsError
from . import quorum, tls
from .choice import Status, is_of, status_from_json, with_health
from .model import Member, member_from_json

TIMEOUT_SECONDS = 5.0
# A busy disk may keep etcd from sending for a while; silence for longer is a failure.
STREAM_SILENCE_SECONDS = 60.0
DEFRAGMENT_SECONDS = 600.0
# https://github.com/etcd-io/etcd/blob/main/api/etcdserverpb/rpc.proto, SnapshotResponse, HashKVRequest, HashKVResponse
SNAPSHOT, SNAPSHOT_BLOB = "/etcdserverpb.Maintenance/Snapshot", 3
ALL_KEYS = {"key": "AA==", "range_end": "AA=="}  # from the byte zero on, in base64
HASH_KV = "/etcdserverpb.Maintenance/HashKV"
NOT_FOUND = 404
UNAVAILABLE = 503


@dataclass(frozen=True)
class Gateway:
    """One etcd endpoint.

    Attributes:
        url: client URL, for instance ``https://192.0.2.1:2379``.
        ca_file, cert_file, key_file: paths of PEM files on the node.
    """

    url: str
    ca_file: str
    cert_file: str
    key_file: str

    def members(self) -> list[Member]:
        """Return the member list; raises KubeopsError when etcd does not answer."""
        return [member_from_json(entry) for entry in self._post("/v3/cluster/member/list").get("members", [])]

    def members_with_health(self) -> list[Member]:
        """Return the member list with what every member's own answer to a status request says of its health."""
        members = self.members()
        return with_health(members, self.statuses(members))

    def remove(self, member_id: str) -> Sequence[Member]:
        """Remove a member and return those that remain."""
        answer = self._post("/v3/cluster/member/remove", {"ID": member_id})
        return [member_from_json(entry) for entry in answer.get("members", [])]

    def members_by_quorum(self) -> list[Member]:
        """Return the member list as a quorum has it; raises KubeopsError where there is none."""
        answer = self._post("/v3/cluster/member/list", {"linearizable": True})
        return [member_from_json(entry) for entry in answer.get("members", [])]

    def add_learner(self, peer_urls: Sequence[str]) -> None:
        """Announce a member without a vote."""
        self._post("/v3/cluster/member/add", {"peerURLs": list(peer_urls), "isLearner": True})

    def promote(self, member_id: str) -> None:
        """Give a learner its vote; raises KubeopsError while it is behind the leader."""
        self._post("/v3/cluster/member/promote", {"ID": member_id})

    def move_leader(self, member_id: str) -> None:
        """Let another voter lead. Only the leader itself takes this."""
        self._post("/v3/maintenance/transfer-leadership", {"targetID": member_id})

    def defragment(self) -> None:
        """Give this member's free space back to the disk; it answers nobody meanwhile."""
        self._post("/v3/maintenance/defragment", timeout=DEFRAGMENT_SECONDS)

    def alarms(self) -> list[tuple[str, str]]:
        """Return every alarm as a member's id and the alarm's name."""
        answer = self._post("/v3/maintenance/alarm", {"action": "GET"})
        return [(str(entry.get("memberID", "0")), str(entry.get("alarm", ""))) for entry in answer.get("alarms", [])]

    def disarm(self, member_id: str, alarm: str) -> None:
        """Lift an alarm of a member."""
        self._post("/v3/maintenance/alarm", {"action": "DEACTIVATE", "memberID": member_id, "alarm": alarm})

    def status(self) -> Mapping[str, Any]:
        """Return this member's status: version, dbSize, leader, errors."""
        return self._post("/v3/maintenance/status")

    def hash_kv(self, revision: int) -> int:
        """Return the hash of all keys at a revision, as this member has them."""
        return self.content_at(revision)[0]

    def content_at(self, revision: int) -> tuple[int, int]:
        """Return the hash of all keys at a revision, and the revision up to which they are compacted."""
        hashed = self._hash(revision)
        return int(hashed.get("hash", 0)), int(hashed.get("compact_revision", 0))

    def _hash(self, revision: int) -> dict[str, Any]:
        """Ask for the hash of all keys. The gateway has a path for it since 3.6; gRPC always had."""
        try:
            return self._post("/v3/maintenance/hashkv", {"revision": revision}, timeout=DEFRAGMENT_SECONDS)
        except KubeopsError as error:
            if error.details.get("status") != NOT_FOUND:
                raise
        asked = grpc.with_number(1, revision)
        answer = next(grpc.stream(self.url, HASH_KV, asked, **self._credentials, timeout=DEFRAGMENT_SECONDS))
        return {"hash": grpc.number(answer, 2), "compact_revision": grpc.number(answer, 3)}

    def keys_at(self, revision: int) -> dict[str, int]:
        """Return how many keys there are at a revision, and their hash; needs no quorum, and reads them all."""
        asked = {**ALL_KEYS, "revision": revision, "count_only": True, "serializable": True}
        counted = self._post("/v3/kv/range", asked, timeout=STREAM_SILENCE_SECONDS)
        hashed, compacted = self.content_at(revision)
        return {"count": int(counted.get("count", 0)), "hash": hashed, "compact_revision": compacted}

    def read(self, key: bytes, revision: int) -> dict[str, Any] | None:
        """Return a key at a revision, or the first one for an empty name: ``key``, ``mod_revision`` and ``size``."""
        name = b2a_base64(key, newline=False).decode("ascii")
        wanted = {"key": name} if key else {**ALL_KEYS, "limit": 1}
        for found in self._post("/v3/kv/range", {**wanted, "revision": revision, "serializable": True}).get("kvs", []):
            return {
                "key": a2b_base64(found["key"]).decode("utf-8", "replace"),
                "mod_revision": int(found["mod_revision"]),
                "size": len(a2b_base64(found.get("value", ""))),
            }
        return None

    def statuses(self, members: Sequence[Member]) -> list[Status]:
        """Ask every member for its status at once; those that do not answer, or others do for, are left out."""
        with ThreadPoolExecutor(max_workers=max(1, len(members))) as pool:
            return [status for status in pool.map(self._status_of, members) if status]

    def of(self, member: Member) -> Gateway:
        """Return the gateway of another member of the same cluster."""
        return replace(self, url=member.client_urls[0])

    def snapshot(self) -> Iterator[bytes]:
        """Yield the snapshot of this member in pieces of 32 KiB; the last 32 bytes are the SHA-256 of all before.

        Over gRPC, or over the gateway where something between here and etcd does not let that through. Raises
        KubeopsError when etcd refuses or the connection breaks.
        """
        try:
            yield from self._snapshot_by_grpc()
        except grpc.NotSpokenError:
            yield from self._snapshot_by_gateway()

    def _snapshot_by_grpc(self) -> Iterator[bytes]:
        messages = grpc.stream(self.url, SNAPSHOT, b"", **self._credentials, timeout=STREAM_SILENCE_SECONDS)
        for message in messages:
            yield grpc.field(message, SNAPSHOT_BLOB)

    def _snapshot_by_gateway(self) -> Iterator[bytes]:
        url = f"{self.url}/v3/maintenance/snapshot"
        with http.open_stream(url, "{}", **self._credentials, timeout=STREAM_SILENCE_SECONDS) as answer:
            if answer.status != 200:
                raise KubeopsError(
                    f"{url} answered with HTTP {answer.status}",
                    seen=answer.read(500).decode("utf-8", "replace"),
                    details={"status": answer.status},
                )
            for line in answer:
                yield _blob(line, url)

    @property
    def _credentials(self) -> dict[str, str]:
        return {"ca_file": self.ca_file, "cert_file": self.cert_file, "key_file": self.key_file}

    def _status_of(self, member: Member) -> Status | None:
        if not member.client_urls:
            return None
        try:
            answer = self.of(member).status()
        except KubeopsError:
            return None
        return status_from_json(member, answer) if is_of(member, answer) else None

    def _post(
        self, path: str, body: Mapping[str, Any] | None = None, timeout: float = TIMEOUT_SECONDS
    ) -> dict[str, Any]:
        try:
            answer: dict[str, Any] = http.get_json(
                self.url + path,
                method="POST",
                body=json.dumps(body or {}),
                **self._credentials,
                timeout=timeout,
            )
        except KubeopsError as error:
            raise _explained(tls.explain(error, self.url, self._credentials)) from error
        return answer


def first_answer(gateways: Sequence[Gateway]) -> tuple[Gateway, list[Member]]:
    """Return the first endpoint that answers, and the members it names; raises KubeopsError where none does.

    One whose members are too few to be those that another names is passed over, see quorum.outnumbered.
    """
    with ThreadPoolExecutor(max_workers=max(1, len(gateways))) as pool:
        replies = list(pool.map(_members_or_error, gateways))
    errors = [reply for reply in replies if isinstance(reply, KubeopsError)]
    answers = [(gateway, reply) for gateway, reply in zip(gateways, replies) if not isinstance(reply, KubeopsError)]
    known = max((quorum.voter_count(members) for __, members in answers), default=0)
    for gateway, members in answers:
        if not quorum.outnumbered(members, known):
            return gateway, members
    raise KubeopsError(
        "no etcd endpoint answered",
        seen=" ".join(str(error) for error in errors),
        fix="check endpoints, ca_file, cert_file and key_file",
        details={"gateway": "off"} if any(error.details.get("status") == NOT_FOUND for error in errors) else {},
    )


def _members_or_error(gateway: Gateway) -> list[Member] | KubeopsError:
    try:
        return gateway.members()
    except KubeopsError as error:
        return error


def _blob(line: bytes, url: str) -> bytes:
    try:
        message = json.loads(line)
    except ValueError as error:
        raise KubeopsError(f"the snapshot from {url} broke off in the middle", seen=str(error)) from error
    if "result" not in message:
        raise KubeopsError(f"{url} stopped the snapshot", seen=str(message.get("error", message))[:500])
    return a2b_base64(message["result"].get("blob", ""))


def _explained(error: KubeopsError) -> KubeopsError:
    """Say what is behind an answer that only etcd's source explains."""
    if error.details.get("status") == NOT_FOUND:
        fix = "start etcd without --enable-grpc-gateway=false, or put etcdctl on this node"
        return KubeopsError("etcd's gateway is switched off", error.seen, fix, error.details)
    if error.details.get("status") == UNAVAILABLE and "connection error" in error.seen:
        # It dials its own etcd, with the server certificate as its client certificate.
        return KubeopsError(
            "etcd's gateway cannot reach its own etcd",
            error.seen,
            "see that the server certificate has the usage clientAuth beside serverAuth, as kubeadm's has",
            error.details,
        )
    return error
