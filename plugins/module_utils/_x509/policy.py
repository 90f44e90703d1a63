# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Judges certificates (pure): a verdict and its reasons for everything a node holds and serves."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from typing import Any

from .._core.errors import KubeopsError
from . import duration
from .estate import (
    API_SERVER,
    CA,
    CLIENT,
    CLIENT_CA,
    CLUSTER_CA,
    KEY,
    KEY_PAIR,
    KUBECONFIG,
    KUBELET,
    OPERATOR,
    PEER,
    SERVER,
    SIGNING_CA,
    Endpoint,
    Entry,
)
from .kubeconfig import SECRET_WAYS
from .load import anchors, signed_by
from .model import CERT_SIGN, CLIENT_AUTH, KEY_USAGES, SERVER_AUTH, Certificate, File
from .observe import Found
from .served import Served

OK, WARNING, CRITICAL, EXPIRED, BROKEN = LEVELS = ("ok", "warning", "critical", "expired", "broken")

FIXES = {
    "no_match": "correct it, or name it on those hosts alone that have such files",
    "manifest_missing": "put the manifest back, or write it with kubeadm init phase control-plane or etcd",
    "too_many_files": "name narrower paths",
    "permission_denied": "let root read it: permissions, SELinux, or the export of a network file system",
    "unit_missing": "run create_cluster, or take the host out of the group",
}
# What others may read.
NOT_READ = {
    "not_read": "write it as kubectl does (kubectl config view --raw --kubeconfig FILE), or look at it by other means",
    "config_not_read": "write it without anchors and tags: until then nothing tells which certificate the kubelet "
    "serves, so it is looked at on its port alone, and renewed by nobody",
    "etcd_config_not_read": "write it without anchors and tags: until then nothing tells which certificates etcd has",
}
# A kubelet that joins writes its own kubeconfig, some time after it began.
BOOTSTRAP_SECONDS = 600.0
RENEW = "renew it"
ROTATE = "replace the CA while the cluster still works (of kubeadm's, the playbook rotate_ca does)"

_PERCENT = re.compile(r"^(?P<part>\d+(?:\.\d+)?)%$")
# A kubelet calls its own certificate HOST@SECONDS, and the CA that it makes up for it HOST-ca@SECONDS:
# https://github.com/kubernetes/client-go/blob/master/util/cert/cert.go, GenerateSelfSignedCertKey
_OF_KUBELET = re.compile(r"(?P<host>.+)@\d+")


@dataclass(frozen=True)
class Reason:
    """Why a verdict is not ok: id, level, what is wrong and what to do."""

    id: str
    level: str
    message: str
    fix: str = ""


@dataclass(frozen=True)
class Threshold:
    """Time left at which a level begins; the smaller of both where both are given."""

    span: timedelta | None = None
    part: float | None = None

    def of(self, lifetime: timedelta) -> timedelta:
        spans = [span for span in (self.span, None if self.part is None else lifetime * self.part) if span is not None]
        return min(spans)


# To replace a CA takes planning. A tenth of kubeadm's ten years is what rotate_ca begins at by itself.
CA_WARNING = Threshold(timedelta(days=365), 0.1)


@dataclass(frozen=True)
class Standard:
    """What everything is judged by.

    Attributes:
        ca_warning: in place of warning for the CAs of the estate, which nobody replaces in a hurry.
        authorities: certificates of every CA of the estate, by the name of its entry.
        served: what each endpoint serves.
        started: when each component's process began, seconds since the epoch; those that run.
    """

    now: datetime
    warning: Threshold
    critical: Threshold
    authorities: Mapping[str, Sequence[Certificate]] = field(default_factory=dict)
    served: Mapping[Endpoint, Served] = field(default_factory=dict)
    started: Mapping[str, float] = field(default_factory=dict)
    ca_warning: Threshold = CA_WARNING


def threshold(text: str, option: str) -> Threshold:
    """Read 30d, 10% or both with a comma; raises KubeopsError naming the option."""
    span, part = None, None
    for word in text.replace(" ", "").split(","):
        percent = _PERCENT.match(word)
        if percent:
            part = float(percent["part"]) / 100
            if part > 1:
                raise KubeopsError(f"{option} is more than the whole lifetime", seen=text, fix="at most 100%")
        else:
            span = duration.parse(word, option)
    return Threshold(span, part)


def judge(found: Found, standard: Standard) -> tuple[Reason, ...]:
    """Every reason, worst first; none means ok."""
    return _worst_first(_reasons(found, standard))


def judge_served(served: Served, standard: Standard, names: Sequence[str] = ()) -> tuple[Reason, ...]:
    """The same for a certificate that is in no file: names are those that its clients connect to."""
    if served.certificate is None:
        return tuple(silence(served))
    return _worst_first((*expiry(served.certificate, standard), *lacking(served.certificate, names)))


def _worst_first(reasons: Iterable[Reason]) -> tuple[Reason, ...]:
    return tuple(sorted(reasons, key=lambda reason: -LEVELS.index(reason.level)))


def verdict(reasons: Sequence[Reason]) -> str:
    """The worst level among the reasons."""
    return max((reason.level for reason in reasons), key=LEVELS.index, default=OK)


def expiry(certificate: Certificate, standard: Standard) -> Iterator[Reason]:
    """Not valid yet, ended, or ending."""
    now, left = standard.now, certificate.not_after - standard.now
    if certificate.not_before > now:
        ahead = duration.describe(certificate.not_before - now)
        yield Reason("not_yet_valid", BROKEN, f"it is valid in {ahead} only", "set the clock, or issue it anew")
    if left <= timedelta(0):
        yield Reason("expired", EXPIRED, f"it expired {duration.describe(-left)} ago", RENEW)
    elif left <= standard.critical.of(certificate.lifetime):
        yield Reason("expires_soon", CRITICAL, f"it expires in {duration.describe(left)}", RENEW)
    elif left <= standard.warning.of(certificate.lifetime):
        yield Reason("expires_soon", WARNING, f"it expires in {duration.describe(left)}", RENEW)


def _is_near(authority: Certificate, standard: Standard) -> bool:
    """Whether a CA is warned of."""
    return authority.not_after - standard.now <= standard.ca_warning.of(authority.lifetime)


def made_by_kubelet(certificates: Sequence[Certificate]) -> bool:
    """Tell whether a kubelet made these for itself, leaf and CA; an operator's have other names."""
    leaf = certificates[0]
    own = _OF_KUBELET.fullmatch(leaf.common_name)
    host = re.escape(own["host"]) if own else ""
    authorities = [ca for ca in certificates[1:] if own and re.fullmatch(rf"{host}-ca@\d+", ca.common_name)]
    return any(ca.self_issued and signed_by(leaf, ca) for ca in authorities)


def silence(served: Served | None) -> Iterator[Reason]:
    """A port that was asked and showed no certificate."""
    if served is not None and served.certificate is None:
        text = f"{served.endpoint} serves no certificate ({served.failure})"
        yield Reason("no_answer", WARNING, text, "find out why it does not answer")


def _reasons(found: Found, standard: Standard) -> Iterator[Reason]:
    for problem, text in found.problems:
        yield _unread(found, problem, text)
    yield from _permissions(found)
    yield from _restart(found, standard)
    yield from _key(found)
    yield from _credentials(found)
    if found.leaf is not None:
        yield from _ending(found, found.leaf, standard)
        yield from _rest(found, found.leaf, standard)
        yield from unlike(found.entry, found.leaf)
        yield from _chain(found, found.leaf, standard)
        yield from _serving(found, found.leaf, standard)
    yield from _trust(found, standard)


def _unread(found: Found, problem: str, text: str) -> Reason:
    """People may write YAML that this reader does not know; kubeadm does not."""
    if problem in NOT_READ and found.entry.managed_by == OPERATOR:
        return Reason(problem, WARNING, text, NOT_READ[problem])
    return Reason(problem, BROKEN, text, FIXES.get(problem, "restore it from a backup, or issue it anew"))


def _ending(found: Found, leaf: Certificate, standard: Standard) -> Iterator[Reason]:
    """As expiry, with the way out of what nobody renews: the kubelet's own, and CAs, which are warned of earlier."""
    is_ca = found.entry.use == CA
    way_out = ROTATE if is_ca else _of_kubelet(found) if found.entry.managed_by == KUBELET else RENEW
    for reason in expiry(leaf, replace(standard, warning=standard.ca_warning) if is_ca else standard):
        yield replace(reason, fix=way_out if reason.fix == RENEW else reason.fix)


def _of_kubelet(found: Found) -> str:
    if found.entry.use == SERVER and found.entry.authority:
        return "run the playbook approve_kubelet_certificates"
    if found.entry.use == SERVER:
        own = made_by_kubelet(found.certificates)
        return "run the playbook renew_certificates" if own else "put a new pair there, and restart the kubelet"
    return "see why the kubelet does not rotate it (journalctl -u kubelet), or run the playbook recover_certificates"


def _rest(found: Found, leaf: Certificate, standard: Standard) -> Iterator[Reason]:
    """The other certificates of the file. What a bundle of CAs still holds of an old one breaks nothing."""
    total = len(found.certificates)
    for number, other in enumerate(found.certificates[1:], 2):
        for reason in expiry(other, standard):
            text = f"certificate {number} of {total} in the file, {other.subject}: {reason.message}"
            level = WARNING if leaf.is_ca else reason.level
            fix = "take it out of the file" if leaf.is_ca else reason.fix
            yield replace(reason, level=level, message=text, fix=fix)


def _credentials(found: Found) -> Iterator[Reason]:
    """A component's kubeconfig without any client certificate."""
    if found.entry.form != KUBECONFIG or found.entry.use != CLIENT or found.certificates or found.problems:
        return
    if not found.other:
        text = "none of its users has a client certificate or other credentials"
        yield Reason("no_credentials", BROKEN, text, "restore it from a backup, or issue it anew")
    elif found.entry.required:
        text = f"it authenticates by {found.other}, of which nothing here tells when it ends"
        yield Reason("other_credentials", WARNING, text, "see to it that this is wanted")


def _is_secret(found: Found) -> bool:
    """Whether the file itself may hold a private key or a token."""
    if found.entry.form != KUBECONFIG:
        return found.key is not None or found.entry.form == KEY
    without_secret = not found.certificates and not found.problems and found.other not in SECRET_WAYS
    return not without_secret


def _permissions(found: Found) -> Iterator[Reason]:
    secret = found.key_file or (found.file if _is_secret(found) else None)
    for file in dict.fromkeys(filter(None, (found.file, found.key_file))):
        if file.problem:
            continue
        if file is secret and file.mode & 0o004:
            yield _mode(file, "world_readable", CRITICAL, "every user of the node can read this secret", "chmod 0600")
        elif file is secret and file.mode & 0o040 and file.group != "root":
            yield _mode(file, "group_readable", WARNING, f"the group {file.group} can read this secret", "chmod 0600")
        if file.mode & 0o022:
            yield _mode(file, "writable_by_others", CRITICAL, "others than its owner can replace it", "chmod go-w")
        owners = found.entry.owners
        if owners is not None and file.uid != 0 and file.owner not in owners:
            yield Reason("owner", WARNING, f"{file.path} belongs to {file.owner}", f"chown root:root {file.path}")


def _mode(file: File, rule: str, level: str, text: str, fix: str) -> Reason:
    return Reason(rule, level, f"{file.path} has mode {file.mode:04o}: {text}", f"{fix} {file.real_path or file.path}")


def _key(found: Found) -> Iterator[Reason]:
    others = {public.public_key for public in found.public} or {leaf.public_key for leaf in found.certificates[:1]}
    if found.key is not None and others and found.key.public_key not in others:
        where = found.entry.key_path or found.entry.path
        fix = "put the matching pair back from a backup, or issue it anew"
        yield Reason("key_mismatch", BROKEN, f"the private key in {where} belongs to another certificate", fix)
    if found.leaf and found.key is None and found.entry.use in (CLIENT, SERVER, PEER) and not found.problems:
        yield Reason(
            "key_missing", BROKEN, "there is no private key for it", "put it back from a backup, or issue anew"
        )


def missed(found: Found, component: str, began: float) -> bool:
    """Whether a component that reads a file only when it starts began before the file was written."""
    if component == KUBELET:
        # Behind a link is what the kubelet fetched itself and has in use.
        linked = found.file.real_path != found.file.path
        return not linked and found.file.modified > began + BOOTSTRAP_SECONDS
    return _written(found, component) > began


def _written(found: Found, component: str) -> float:
    """Of the service accounts' keys the API server takes all, the controller manager the one that signs."""
    if found.entry.form != KEY_PAIR or found.key_file is None:
        return found.file.modified
    return max(found.key_file.modified, found.file.modified if component == API_SERVER else 0.0)


def _restart(found: Found, standard: Standard) -> Iterator[Reason]:
    for component in found.entry.read_once:
        began = standard.started.get(component)
        if began is not None and not found.file.problem and missed(found, component, began):
            written = datetime.fromtimestamp(_written(found, component), timezone.utc)
            text = (
                f"{component} began before this file was written ({written:%Y-%m-%d %H:%M:%S} UTC), so it uses the old"
            )
            yield Reason("not_restarted", CRITICAL, text, f"restart {component}")


def unlike(entry: Entry, leaf: Certificate) -> Iterator[Reason]:
    """What a certificate in this place has to say and does not."""
    yield from _use(entry, leaf)
    yield from lacking(leaf, entry.wanted_names)


def _use(entry: Entry, leaf: Certificate) -> Iterator[Reason]:
    use, user = entry.use, entry.wanted_user
    needed = {SERVER: (SERVER_AUTH,), CLIENT: (CLIENT_AUTH,), PEER: (SERVER_AUTH, CLIENT_AUTH)}.get(use, ())
    missing = [usage for usage in needed if usage not in leaf.usages]
    if use == CA and not leaf.is_ca:
        yield Reason("not_a_ca", BROKEN, f"{leaf.subject} is no CA", "put the CA's certificate back")
    elif use == CA and CERT_SIGN not in leaf.usages and set(KEY_USAGES.values()) & set(leaf.usages):
        # RFC 5280, 4.2.1.3: where the extension is there, it has to allow this; Go refuses what such a CA signed.
        text = f"its key usage ({', '.join(leaf.usages)}) does not allow it to sign certificates"
        yield Reason("not_a_ca", BROKEN, text, "make the CA's certificate anew, of the same key, with cert sign")
    if missing:
        yield Reason("usage", BROKEN, f"it lacks the usage {' and '.join(missing)}", "put the right file here")
    if user and leaf.common_name != user:
        yield Reason("wrong_user", BROKEN, f"it is of {leaf.common_name}, not of {user}", "put the right file here")


def lacking(leaf: Certificate, names: Sequence[str]) -> Iterator[Reason]:
    """Names and addresses that clients connect to and a server's certificate does not have."""
    missing = [name for name in names if not _covers(leaf, name)]
    if missing:
        yield Reason(
            "san_missing", BROKEN, f"it lacks the names {', '.join(missing)}", "issue it anew with these names"
        )


def _covers(leaf: Certificate, name: str) -> bool:
    try:
        return str(ipaddress.ip_address(name)) in leaf.ip_addresses
    except ValueError:
        pass
    wanted = name.lower().rstrip(".")
    wildcard = f"*.{wanted.partition('.')[2]}"
    return any(has.lower() in (wanted, wildcard) for has in leaf.dns_names)


def _chain(found: Found, leaf: Certificate, standard: Standard) -> Iterator[Reason]:
    name = found.entry.authority
    authorities = _signers(found.entry, standard)
    if authorities:
        signers = anchors(found.certificates, authorities)
        if signers:
            yield from _outlived(leaf, name, max(signers, key=lambda signer: signer.not_after), standard)
        elif found.entry.only_authority:
            text = f"the CA {name} did not sign it; its issuer is {leaf.issuer}"
            yield Reason("wrong_ca", BROKEN, text, "issue it anew, or put the right CA back")


def _outlived(leaf: Certificate, name: str, signer: Certificate, standard: Standard) -> Iterator[Reason]:
    """What ends with its CA was cut short by it, or made as long: that matters from when the CA is warned of."""
    end = f"{signer.not_after:%Y-%m-%d %H:%M} UTC"
    if leaf.not_after > signer.not_after:
        yield Reason("outlives_ca", WARNING, f"it ends after the CA {name}, which ends {end}", ROTATE)
    elif leaf.not_after == signer.not_after and _is_near(signer, standard):
        text = f"it ends with the CA {name}, {end}: a successor would too"
        yield Reason("ends_with_ca", WARNING, text, ROTATE)


def _signers(entry: Entry, standard: Standard) -> Sequence[Certificate]:
    """What may have signed it: the API server takes clients of further CAs too, and kubelets ask whoever signs."""
    known = standard.authorities.get(entry.authority, ())
    if not known or entry.authority != CLUSTER_CA:
        return known
    more = [CLIENT_CA] if entry.use not in (SERVER, PEER) else []
    more += [SIGNING_CA] if entry.managed_by == KUBELET else []
    return (*known, *(ca for name in more for ca in standard.authorities.get(name, ())))


def _trust(found: Found, standard: Standard) -> Iterator[Reason]:
    """What a kubeconfig trusts. Of a bundle one CA that lasts is enough."""
    if not found.authority:
        return
    last = max(found.authority, key=lambda ca: ca.not_after)
    for reason in expiry(last, standard):
        text = f"the CA that it trusts, {last.subject}: {reason.message}"
        yield replace(
            reason, message=text, fix="write the kubeconfig anew; where the cluster's CA itself ends, rotate it"
        )
    name = found.entry.authority
    trusted = {authority.fingerprint for authority in standard.authorities.get(name, ())}
    if trusted and not trusted.intersection(ca.fingerprint for ca in found.authority):
        yield Reason("trusts_wrong_ca", BROKEN, f"it trusts another CA than {name}", "write the kubeconfig anew")


def _serving(found: Found, leaf: Certificate, standard: Standard) -> Iterator[Reason]:
    for endpoint in found.entry.endpoints:
        served = standard.served.get(endpoint)
        yield from silence(served)
        if served and served.certificate and served.certificate.fingerprint != leaf.fingerprint:
            text = (
                f"{endpoint} serves serial {served.certificate.serial}, which ends "
                f"{served.certificate.not_after:%Y-%m-%d %H:%M} UTC; the file has {leaf.serial}"
            )
            fix = (
                f"restart {', '.join(found.entry.readers) or 'what serves it'}, if it does not take the file up itself"
            )
            yield Reason("served_differs", CRITICAL, text, fix)


def as_dict(found: Found, reasons: Sequence[Reason], standard: Standard) -> dict[str, Any]:
    """One entry of the module's result."""
    leaf = found.leaf
    served = [_served(standard.served[one], leaf) for one in found.entry.endpoints if one in standard.served]
    return {
        "name": found.entry.name,
        "path": found.file.path,
        "key_path": found.entry.key_path,
        "form": found.entry.form,
        "managed_by": found.entry.managed_by,
        "mode": f"{found.file.mode:04o}",
        "owner": found.file.owner,
        "group": found.file.group,
        "served": served,
        **_judged(leaf, reasons, standard.now),
    }


def served_as_dict(served: Served, reasons: Sequence[Reason], now: datetime) -> dict[str, Any]:
    """An entry for what is served and is in no file."""
    empty = {"key_path": "", "form": "served", "managed_by": served.endpoint.name, "mode": "", "owner": "", "group": ""}
    name = f"{served.endpoint.name} (served)" if served.endpoint.name else str(served.endpoint)
    shown = [_served(served, None)]
    return {
        "name": name,
        "path": str(served.endpoint),
        **empty,
        "served": shown,
        **_judged(served.certificate, reasons, now),
    }


def order(row: Mapping[str, Any]) -> tuple[bool, float, str]:
    """Sorting key: what cannot be read first, then by the time left."""
    left = row["seconds_left"]
    return left is not None, left or 0.0, row["path"]


def _judged(leaf: Certificate | None, reasons: Sequence[Reason], now: datetime) -> dict[str, Any]:
    left = (leaf.not_after - now).total_seconds() if leaf else None
    return {
        "verdict": verdict(reasons),
        "reasons": [vars(reason) for reason in reasons],
        "seconds_left": left,
        "days_left": None if left is None else int(left // 86400),
        "certificate": leaf.as_dict() if leaf else None,
    }


def _served(served: Served, leaf: Certificate | None) -> dict[str, Any]:
    certificate = served.certificate
    return {
        "endpoint": str(served.endpoint),
        "serial": certificate.serial if certificate else "",
        "not_after": f"{certificate.not_after:%Y-%m-%dT%H:%M:%SZ}" if certificate else "",
        "matches": None if certificate is None or leaf is None else certificate.fingerprint == leaf.fingerprint,
        "failure": served.failure,
    }
