# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which certificates of a host have to be issued, and why (pure)."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from .._core.errors import KubeopsError
from . import duration, issue


@dataclass(frozen=True)
class Wanted:
    """A certificate and its key as files of a host.

    Attributes:
        cert, key: absolute paths.
        leaf: what the certificate shall say.
    """

    cert: str
    key: str
    leaf: issue.Leaf

    @property
    def pending_key(self) -> str:
        """Where the key waits for its certificate: the one in use is never without its own."""
        return f"{self.key}.new"


def why_due(
    leaf: issue.Leaf,
    certificate: bytes | None,
    key: bytes | None,
    ca_cert: bytes,
    now: datetime,
    renew_before: timedelta,
) -> str:
    """Return why a certificate has to be issued, empty where it need not."""
    if certificate is None or key is None:
        return "the certificate is missing" if certificate is None else "the key is missing"
    try:
        return (
            _why_unfit(certificate, key, ca_cert)
            or why_other(leaf, certificate)
            or _why_old(certificate, now, renew_before)
        )
    except KubeopsError as error:
        return f"unreadable: {error.what}"


def why_other(leaf: issue.Leaf, certificate: bytes) -> str:
    """Return what a certificate does not say as wanted, empty where it says exactly that."""
    has = issue.leaf_of(certificate)
    pairs = (
        ("common name", (has.common_name,), (leaf.common_name,)),
        ("organizations", has.organizations, leaf.organizations),
        ("DNS names", has.dns_names, leaf.dns_names),
        ("addresses", has.ip_addresses, _addresses(leaf.ip_addresses)),
        ("usages", has.usages, leaf.usages),
    )
    for label, old, new in pairs:
        if set(old) != set(new):
            return f"{label}: {_listed(old)}, wanted {_listed(new)}"
    return ""


def _why_unfit(certificate: bytes, key: bytes, ca_cert: bytes) -> str:
    if not issue.same_key(key, certificate):
        return "the key does not belong to the certificate"
    if not issue.is_issued_by(certificate, ca_cert):
        return "another CA signed it"
    return ""


def _why_old(certificate: bytes, now: datetime, renew_before: timedelta) -> str:
    left = issue.validity(certificate)[1] - now
    if left <= timedelta(0):
        return f"expired {duration.describe(-left)} ago"
    if left <= renew_before:
        return f"ends in {duration.describe(left)}"
    return ""


def _addresses(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(str(ipaddress.ip_address(value)) for value in values)


def _listed(values: Iterable[str]) -> str:
    return ", ".join(sorted(values)) or "none"
