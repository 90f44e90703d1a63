# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeps CAs and certificates as files of a host: keys 0600, what is replaced kept aside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from .._core import files
from .._core.errors import KubeopsError, Refusal
from .._core.plan import Plan, Step
from . import issuance, issue

ISSUE = "issue"
WRITE = "write"
KEY_MODE = 0o600
CERT_MODE = 0o644


@dataclass(frozen=True)
class Authority:
    """A CA on this host. The key is secret."""

    cert: bytes
    key: bytes


@dataclass(frozen=True)
class Owner:
    """User and group of the files, empty for root or those of the file replaced."""

    user: str = ""
    group: str = ""


def read_authority(cert: str, key: str) -> Authority:
    """Read a CA; raises Refusal where this host does not hold it, or holds half of it."""
    pair = files.read_bytes(cert), files.read_bytes(key)
    if pair[0] is None or pair[1] is None:
        missing = cert if pair[0] is None else key
        raise Refusal(
            "this host does not hold the CA",
            seen=f"{missing} is missing",
            fix="name a host that holds the CA's key, put the pair back from a backup, or rotate the CA",
            rule="ca_missing",
        )
    if not issue.same_key(pair[1], pair[0]):
        raise Refusal(
            "the CA's key does not belong to its certificate",
            seen=f"{cert} and {key}",
            fix="put the matching pair in place, from a backup or from another host",
            rule="ca_key_mismatch",
        )
    return Authority(pair[0], pair[1])


def plan(
    wanted: Sequence[issuance.Wanted], ca_cert: bytes, ca_dest: str, now: datetime, renew_before: timedelta
) -> Plan:
    """Return what has to be issued here, and whether the CA's own certificate has to be written."""
    steps = []
    if ca_dest and files.read_bytes(ca_dest) != ca_cert:
        steps.append(Step(WRITE, ca_dest, "the CA's certificate is missing or another one"))
    for entry in wanted:
        reason = issuance.why_due(
            entry.leaf, files.read_bytes(entry.cert), files.read_bytes(entry.key), ca_cert, now, renew_before
        )
        if reason:
            steps.append(Step(ISSUE, entry.cert, reason))
    return Plan(tuple(steps))


def request(entry: issuance.Wanted, kind: str, owner: Owner) -> bytes:
    """Make a key that waits for its certificate, and return the request for it."""
    key = issue.make_key(kind)
    _write(entry.pending_key, key, KEY_MODE, owner)
    return issue.make_csr(key, entry.leaf)


def install(entry: issuance.Wanted, certificate: bytes, ca_cert: bytes, owner: Owner, now: datetime) -> None:
    """Put certificate and waiting key in place, once they proved to belong together.

    A run killed between the two files leaves a pair that does not match, which the
    next run sees and issues again.
    """
    key = files.read_bytes(entry.pending_key)
    reason = issuance.why_due(entry.leaf, certificate, key, ca_cert, now, timedelta(0))
    if key is None or reason:
        raise KubeopsError(f"the certificate for {entry.cert} is not the one asked for", seen=reason)
    write_pair(entry.cert, entry.key, certificate, key, owner)
    files.remove(entry.pending_key)


def write_authority(cert: str, key: str, authority: Authority, owner: Owner) -> None:
    """Write a new CA; its key first, so that a certificate without key is never taken for a CA."""
    write_pair(cert, key, authority.cert, authority.key, owner)


def write_pair(cert: str, key: str, certificate: bytes, key_pem: bytes, owner: Owner) -> None:
    """Replace a certificate and its key; a reader between the two refuses the pair and keeps its old one.

    Raises KubeopsError where one of the two cannot be replaced, before the other is.
    """
    for path in (key, cert):
        files.require_no_link(path)
    _write(key, key_pem, KEY_MODE, owner)
    _write(cert, certificate, CERT_MODE, owner)


def write_certificate(path: str, certificate: bytes, owner: Owner) -> None:
    """Write a public certificate."""
    _write(path, certificate, CERT_MODE, owner)


def _write(path: str, content: bytes, mode: int, owner: Owner) -> None:
    Path(path).parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    files.write_atomic(path, content, mode, owner.user or None, owner.group or None, backup=True)
