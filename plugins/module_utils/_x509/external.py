# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates of a CA whose key is kept elsewhere: requests to its holder, and a check of what comes back.

https://kubernetes.io/docs/tasks/administer-cluster/kubeadm/kubeadm-certs/#external-ca-mode
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from .._core import files
from .._core.errors import KubeopsError
from .._core.plan import Plan, Refused, Step
from .._kubeadm import paths
from . import duration, issuance, issue, keep, load, renew, renewal
from .model import Certificate, Unreadable
from .renewal import Found

# Keys wait here for their certificates, so that the pair in use stays whole.
DIRECTORY = f"{paths.PKI}/requests"
AT_ONCE = "install on all control planes in one run, with external_ca_api_required=false and without --limit"
REQUEST = "request"
INSTALL = "install"


def pending_key(name: str) -> str:
    """Where the new key waits."""
    return f"{DIRECTORY}/{name}.key"


def pending_csr(name: str) -> str:
    """Where the request is kept, so that the next run hands out the same."""
    return f"{DIRECTORY}/{name}.csr"


def external(found: Sequence[Found]) -> list[Found]:
    """Return those whose CA has no key here."""
    return [each for each in found if each.ca_key is None]


def plan_requests(found: Sequence[Found], wish: renewal.Wish, now: datetime) -> Plan:
    """Return which requests are made, each with its reason; those of CAs with a key here are for the renewal."""
    here = external(found)
    reasons = renewal.due(here, wish, now)
    refusals = [refusal for each in here if each.entry.name in reasons for refusal in renewal.unusable(each)]
    steps = tuple(Step(REQUEST, name, reason) for name, reason in reasons.items())
    warnings = renewal.ending_first(here, wish, now)
    return Plan(steps, (*renewal.unknown(found, wish), *refusals), warnings=warnings)


def request(found: Found) -> bytes:
    """Return the request for a successor that says the same, the one made before where there is one."""
    leaf = issue.leaf_of(found.certificate or b"")
    kept = waiting(found)
    if kept is not None:
        return kept
    key = issue.make_key(issue.key_type(found.certificate or b""))
    csr = issue.make_csr(key, leaf)
    Path(DIRECTORY).mkdir(mode=0o700, parents=True, exist_ok=True)
    files.write_atomic(pending_key(found.entry.name), key, keep.KEY_MODE)
    files.write_atomic(pending_csr(found.entry.name), csr, keep.CERT_MODE)
    return csr


def waiting(found: Found) -> bytes | None:
    """Return the request that was made before, None where it would not do any more."""
    key, csr = files.read_bytes(pending_key(found.entry.name)), files.read_bytes(pending_csr(found.entry.name))
    if key is None or csr is None or not issue.same_key(key, csr):
        return None
    wanted, asked = issue.leaf_of(found.certificate or b""), issue.leaf_of_csr(csr)
    return csr if _same(wanted, asked) else None


def plan_install(found: Sequence[Found], signed: Mapping[str, bytes], now: datetime, least: timedelta) -> Plan:
    """Return which certificates are installed; one that is not what was asked forbids them all."""
    known = {each.entry.name: each for each in external(found)}
    steps, refusals = [], []
    for name, pem in signed.items():
        if name not in known:
            fix = "take the file away, or correct its name"
            refusals.append(Refused("certificate_unknown", f"{name} is none of {', '.join(known)}", "", fix))
        elif not _installed(known[name], pem):
            refusals += renewal.linked(name, known[name].links)
            refusals += [_refused(name, why) for why in problems(known[name], pem, now, least)]
            steps.append(Step(INSTALL, name, "the holder of the CA signed it"))
    return Plan(tuple(steps), tuple(refusals))


def problems(found: Found, pem: bytes, now: datetime, least: timedelta) -> list[str]:
    """Return everything that keeps a certificate from being installed."""
    key = files.read_bytes(pending_key(found.entry.name))
    csr = files.read_bytes(pending_csr(found.entry.name))
    if key is None or csr is None:
        return ["no request of this node waits for it"]
    try:
        certificates = load.certificates(pem)
        other = issuance.why_other(issue.leaf_of_csr(csr), pem)
        mine = issue.same_key(key, pem)
    except KubeopsError as error:
        return [f"it cannot be read: {error}"]
    certificate = certificates[0]
    return [
        *([] if mine else ["its public key is not the one of the request"]),
        *([other] if other else []),
        *(["it is a CA"] if certificate.is_ca else []),
        *_why_not_trusted(found, certificates),
        *_why_not_now(certificate, now, least),
    ]


def _why_not_trusted(found: Found, certificates: Sequence[Certificate]) -> list[str]:
    authorities = load.certificates(found.ca_cert or b"")
    if load.anchors(certificates, authorities):
        return []
    known = "; ".join(authority.subject for authority in authorities)
    return [f"{certificates[0].issuer} signed it, and components trust {known} with another key or name alone"]


def _why_not_now(certificate: Certificate, now: datetime, least: timedelta) -> list[str]:
    if certificate.not_before > now:
        return [f"it begins at {certificate.not_before:%Y-%m-%d %H:%M} UTC"]
    if certificate.not_after - now < least:
        return [
            f"it ends in {duration.describe(certificate.not_after - now)}, wanted at least {duration.describe(least)}"
        ]
    return []


def _installed(found: Found, pem: bytes) -> bool:
    """The same certificate, however it is written; in a kubeconfig it stands with its key."""
    try:
        return load.certificates(pem)[0].der == load.certificates(found.certificate or b"")[0].der
    except Unreadable:
        return False


def _refused(name: str, why: str) -> Refused:
    fix = "have the request signed as it is, by the CA that the cluster trusts; nothing was replaced"
    return Refused("certificate_not_as_asked", f"{name}: {why}", "", fix)


def _same(one: issue.Leaf, other: issue.Leaf) -> bool:
    pairs = zip(
        (one.organizations, one.dns_names, one.ip_addresses, one.usages),
        (other.organizations, other.dns_names, other.ip_addresses, other.usages),
    )
    return one.common_name == other.common_name and all(set(left) == set(right) for left, right in pairs)


def install(found: Found, pem: bytes) -> None:
    """Put certificate and waiting key in place. A run killed before the last step finds both and is done."""
    name, key = found.entry.name, files.read_bytes(pending_key(found.entry.name)) or b""
    renew.write(found.entry, key, pem)
    files.remove(pending_csr(name))
    files.remove(pending_key(name))
