# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which of kubeadm's certificates are renewed, and which components have to restart for it (pure).

https://kubernetes.io/docs/tasks/administer-cluster/kubeadm/kubeadm-certs/
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone

from .._core.errors import KubeopsError, Refusal
from .._core.plan import Plan, Refused, Step
from .._kubeadm import kubeconfig
from .._kubeadm.containers import Container
from . import duration, issue, load, policy
from .estate import Entry
from .model import Certificate, Unreadable

RENEW = "renew"
RESTART = "restart"
WAKE = "wake"  # a component between two attempts: the kubelet forgets the wait when it restarts itself
DUE, ALL = "due", "all"
EMBEDDED = ("client-certificate-data", "client-key-data")
# Refusals that another control plane, or another member of etcd, is the cause of.
OF_OTHERS = ("control_planes_one_at_a_time", "etcd_quorum")
RECOVER = "run the playbook recover_certificates, with --limit to this host where the other control planes are well"
FROM_BACKUP = (
    "put it back from a backup below /var/lib/kubeops/backups, or make it with kubeadm init phase "
    "certs or kubeconfig and this cluster's configuration"
)
NO_LINK = (
    "put a copy of the file in the link's place (cp --remove-destination), or leave it to whoever keeps the file "
    "behind it, and name the others (renew_certificates_names)"
)
TO_ITS_CA = (
    "let the CA that signed it sign its successor, and put that there (playbook external_ca, where it is the cluster's "
    "and its key is kept elsewhere), or put the CA's own files back; where the CA that is here shall take its place, "
    "run kubeadm certs renew; without it the others are renewed by name (renew_certificates_names)"
)


@dataclass(frozen=True)
class Found:
    """One of kubeadm's certificates as found. Keys are secret.

    Attributes:
        certificate, key: PEM; None where it is missing, empty where a kubeconfig embeds none.
        ca_cert, ca_key: of the CA that has to sign it; ca_key is None where the CA is kept elsewhere.
        ca_path, ca_key_path: where its certificate and key lie.
        modified: when its file was written, seconds since the epoch.
        defect: why its file could not be written anew, empty where it can.
        links: which of its files are symbolic links, and where to.
    """

    entry: Entry
    certificate: bytes | None = None
    key: bytes | None = field(default=None, repr=False)
    ca_cert: bytes | None = None
    ca_key: bytes | None = field(default=None, repr=False)
    modified: float = 0.0
    defect: str = ""
    ca_path: str = ""
    ca_key_path: str = ""
    links: tuple[str, ...] = ()


@dataclass(frozen=True)
class Wish:
    """What the operator asked for.

    Attributes:
        select: ``due`` or ``all``.
        names: narrows it; empty means every name.
        valid_for: how long new certificates last; None where somebody else signs them.
    """

    select: str = DUE
    names: tuple[str, ...] = ()
    renew_before: timedelta = timedelta(days=30)
    valid_for: timedelta | None = None


def plan(found: Sequence[Found], components: Mapping[str, Container], wish: Wish, now: datetime) -> Plan:
    """Return what is renewed and restarted, each with its reason, or the refusals.

    components: the newest container of every component that this node has to run. One that
    read a file before it was written restarts too, so that a run killed between the two is
    taken up.
    """
    reasons = due(found, wish, now)
    named = [each for each in found if each.entry.name in reasons]
    refusals = [refusal for each in named for refusal in unusable(each) or _unsignable(each, now)]
    steps = [Step(RENEW, name, reason) for name, reason in reasons.items()]
    steps += restarts(found, components, reasons.keys())
    warnings = (*ending_first(found, wish, now), *passed_over(found))
    return Plan(tuple(steps), (*_too_short(wish), *unknown(found, wish), *refusals), warnings=warnings)


def due(found: Sequence[Found], wish: Wish, now: datetime) -> dict[str, str]:
    """Return why each certificate is renewed that is, by name."""
    chosen = [each for each in found if not wish.names or each.entry.name in wish.names]
    reasons = {each.entry.name: _why(each, wish, now) for each in chosen}
    return {name: reason for name, reason in reasons.items() if reason}


def _why(found: Found, wish: Wish, now: datetime) -> str:
    if found.certificate is None:
        # admin.conf and super-admin.conf may have been put away on purpose, and kubeadm writes the latter on one node
        # alone; whoever asks the API says that it lacks.
        return "missing" if found.entry.required else ""
    if not (found.certificate or found.defect or found.entry.required):
        return ""  # their user logs in by other means
    if wish.select == ALL:
        return "all were asked for"
    try:
        end = issue.validity(found.certificate)[1]
    except KubeopsError as error:
        return f"unreadable: {error.what}"
    left = end - now
    if left <= timedelta(0):
        return f"expired {duration.describe(-left)} ago"
    if defect := key_defect(found):
        return defect
    if end >= _end_of_ca(found):
        return ""  # its successor would end with the CA too
    return f"ends in {duration.describe(left)}" if left <= wish.renew_before else ""


def key_defect(found: Found) -> str:
    """Why a component could not use a certificate that can be read, valid as it may be; empty where it can."""
    if not found.certificate or found.defect:
        return ""
    if found.key is None:
        return "its key is missing"
    try:
        leaf, key = load.certificates(found.certificate)[0], load.private_key(found.key)
    except Unreadable as error:
        return f"unreadable: {error.what}"
    return "" if key.public_key == leaf.public_key else "its key belongs to another certificate"


def ending_first(found: Sequence[Found], wish: Wish, now: datetime) -> tuple[str, ...]:
    """Return a warning for each CA that ends before what it signs were due again."""
    ends = {each.entry.authority: _end_of_ca(each) for each in found}
    return tuple(
        f"The CA {name} ends in {duration.describe(end - now)}, and so does everything that it signs: renewal cannot "
        "help. Fix: replace the CA (playbook rotate_ca) while the cluster still works."
        for name, end in ends.items()
        if timedelta(0) < end - now <= wish.renew_before
    )


def passed_over(found: Sequence[Found]) -> tuple[str, ...]:
    """Return a warning for each kubeconfig that somebody asked for and whose certificate is not written there."""
    return tuple(
        f"{each.entry.path} is not renewed: it embeds no client certificate as kubeadm writes it. It is JSON, names a "
        "file, or logs in by other means. Fix: write it as kubeadm does, or take it out of "
        "renew_certificates_kubeconfigs."
        for each in found
        if _is_owned(each) and each.certificate == b"" and not each.defect
    )


def _is_owned(found: Found) -> bool:
    return found.entry.name == found.entry.path


def _end_of_ca(found: Found) -> datetime:
    """The last moment where nothing is known of it; it is refused elsewhere."""
    try:
        return issue.validity(found.ca_cert or b"")[1]
    except KubeopsError:
        return datetime.max.replace(tzinfo=timezone.utc)


def _too_short(wish: Wish) -> list[Refused]:
    """What is due again as soon as it is made would be renewed, and its readers restarted, in every run."""
    if wish.valid_for is None or wish.valid_for > wish.renew_before:
        return []
    seen = f"valid for {duration.describe(wish.valid_for)}, due {duration.describe(wish.renew_before)} before the end"
    fix = "make it longer than renew_certificates_before"
    return [Refused("valid_for_too_short", seen, "renew_certificates_valid_for", fix)]


def restarts(found: Sequence[Found], components: Mapping[str, Container], renewed: Collection[str] = ()) -> list[Step]:
    """Return what restarts for files as they are, or as they will be once these are renewed."""
    steps = (_restart(found, name, container, renewed) for name, container in components.items())
    return [step for step in steps if step]


def _restart(found: Sequence[Found], name: str, container: Container, renewed: Collection[str]) -> Step | None:
    """API server and etcd read their certificates anew by themselves; whatever is down reads all of its files."""
    for each in found:
        entry = each.entry
        if name not in (entry.read_once if container.running else entry.readers):
            continue
        new = entry.name in renewed
        if container.running and new:
            return Step(RESTART, name, f"it reads {entry.name} only when it starts")
        if container.running and each.modified > container.began:
            return Step(RESTART, name, f"it started before {entry.name} was written")
        if not container.running and (new or each.modified > container.began):
            return Step(WAKE, name, f"it is down, and {entry.name} is new since its last attempt")
    return None


def over(found: Sequence[Found], now: datetime) -> list[str]:
    """Return the names of certificates that nobody can use: they have ended, or have lost their key."""
    return [
        each.entry.name
        for each in found
        if each.certificate and (_left(each.certificate, now) <= timedelta(0) or key_defect(each))
    ]


def _left(certificate: bytes, now: datetime) -> timedelta:
    """Nothing is known of one that cannot be read; it is refused elsewhere."""
    try:
        return issue.validity(certificate)[1] - now
    except KubeopsError:
        return timedelta.max


def not_permitted(error: KubeopsError, ended: Sequence[str], way_out: str = RECOVER) -> KubeopsError:
    """Return why this control plane may not be renewed now, with the way out of its own operator.

    ended: its certificates that are over or have lost their key. Whoever asks the API with them, or asks an API server
    that serves one, gets no answer.
    """
    rule = error.rule if isinstance(error, Refusal) else ""
    if rule in OF_OTHERS:
        return error
    if ended:
        return Refusal(
            "certificates of this control plane are over or have lost their key, so neither its API nor the others can "
            "be asked",
            f"{', '.join(ended)}; {error}",
            way_out,
            rule="certificates_over",
        )
    if rule == "control_plane_not_healthy":
        fix = (
            "repair it first: see crictl logs of kube-apiserver, journalctl -u kubelet, and check_certificates; to put "
            "an archive back on a control plane that is down, set renew_certificates_api_required=false"
        )
        return Refusal(error.what, error.seen, fix, rule=rule)
    return error


def unknown(found: Sequence[Found], wish: Wish) -> list[Refused]:
    """Return a refusal for every name that was asked for and is no certificate's."""
    known = [each.entry.name for each in found]
    return [
        Refused(
            "certificate_unknown",
            f"{name} is none of {', '.join(known)}",
            "names",
            "correct the name, or leave names empty for all",
        )
        for name in wish.names
        if name not in known
    ]


def unusable(found: Found) -> list[Refused]:
    """Return a refusal where nothing says what the successor shall hold, or its file cannot be written."""
    name, path = found.entry.name, found.entry.path
    if found.links:
        return linked(name, found.links)
    if found.certificate is None:
        return [
            Refused(
                "certificate_missing",
                f"{name}: {path} is missing, and nothing says what it shall hold",
                "",
                FROM_BACKUP,
            )
        ]
    seen = found.defect or _unreadable(found.certificate)
    misplaced = "" if seen else _misplaced(found)
    if not seen and not misplaced:
        return []
    fix = f"{FROM_BACKUP}; without it the others are renewed by name (renew_certificates_names)"
    rule = "certificate_unreadable" if seen else "certificate_misplaced"
    return [Refused(rule, f"{name}: {path}: {seen or misplaced}", "", fix)]


def linked(name: str, links: Sequence[str]) -> list[Refused]:
    """Return a refusal for each link: whoever keeps the file behind it would not know of the successor."""
    return [Refused("certificate_linked", f"{name}: {link}", "", NO_LINK) for link in links]


def _unreadable(certificate: bytes) -> str:
    if not certificate:
        return "no client certificate is embedded there"
    try:
        load.certificates(certificate)
        return "" if issue.leaf_of(certificate).common_name else "it has no common name"
    except KubeopsError as error:
        return error.what


def _misplaced(found: Found) -> str:
    """Where certificate and key are not a pair, what tells that the certificate is the wrong one of the two.

    Its successor would say the same, and be as wrong.
    """
    defect = key_defect(found)
    if not defect:
        return ""
    certificates = load.certificates(found.certificate or b"")
    reasons = [reason.message for reason in policy.unlike(found.entry, certificates[0])]
    if _of_another_ca(certificates, found.ca_cert):
        reasons.append(f"the CA {found.entry.authority} did not sign it")
    return f"{defect}, and {'; '.join(reasons)}" if reasons else ""


def _of_another_ca(certificates: Sequence[Certificate], ca_cert: bytes | None) -> bool:
    try:
        return not load.anchors(certificates, load.certificates(ca_cert or b""))
    except Unreadable:
        return False  # that is refused by its own reason


def _unsignable(found: Found, now: datetime) -> list[Refused]:
    name = found.entry.name
    if found.ca_cert is None or found.ca_key is None:
        return [
            Refused(
                "certificate_externally_managed",
                f"{name}: the key of its CA ({found.entry.authority}) is not on this node",
                "",
                "let the holder of the CA sign a request, or name a control plane that has the key with --limit",
            )
        ]
    try:
        issue.require_able(found.ca_cert, found.ca_key, now)
    except KubeopsError as error:
        rule = error.rule if isinstance(error, Refusal) else "ca_unreadable"
        return [Refused(rule, f"{name}: {error.what}: {error.seen}", "", error.fix or FROM_BACKUP)]
    return _of_others(found)


def _of_others(found: Found) -> list[Refused]:
    """A refusal of what another CA signed: whoever trusts that one would not trust the successor."""
    certificates = load.certificates(found.certificate or b"")
    if not _of_another_ca(certificates, found.ca_cert):
        return []
    seen = f"the CA in {found.ca_path} did not sign {found.entry.path}; its issuer is {certificates[0].issuer}"
    return [Refused("certificate_externally_managed", f"{found.entry.name}: {seen}", "", TO_ITS_CA)]


def foreign(certificate: bytes, ca_cert: bytes | None) -> str:
    """Why a kubeconfig that kubeadm did not write is not this cluster's to renew; empty where it is."""
    try:
        certificates = load.certificates(certificate)
    except Unreadable:
        return ""  # that is refused by its own reason
    if not _of_another_ca(certificates, ca_cert):
        return ""
    return "the CA of this cluster did not sign its client certificate, so it is another cluster's or of an earlier CA"


def embedded(data: bytes) -> tuple[bytes, str]:
    """Return certificate and key of a kubeconfig, empty where it embeds none, and what is not as kubeadm writes it."""
    try:
        text = data.decode("utf-8")
        pem = kubeconfig.identity(text, "a kubeconfig").pem.encode("ascii")
    except (KubeopsError, ValueError):
        return b"", "it cannot be read"
    several = [
        f"{name} stands there {count} times" for name in EMBEDDED if (count := len(line(name).findall(text))) != 1
    ]
    return pem, "; ".join(several) if pem else ""


def line(name: str) -> re.Pattern[str]:
    """Where a kubeconfig as kubeadm writes it holds this."""
    return re.compile(rf"^(\s+{name}:\s*).*$", re.MULTILINE)
