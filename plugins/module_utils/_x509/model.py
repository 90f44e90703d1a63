# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates, keys, requests and kubeconfigs as data (pure, standard library only)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from .._core.errors import KubeopsError

SERVER_AUTH = "server auth"
CLIENT_AUTH = "client auth"
CERT_SIGN = "cert sign"
# Names of the extension's bits (RFC 5280, 4.2.1.3) and what they are called here.
KEY_USAGES = {
    "digital_signature": "digital signature",
    "content_commitment": "content commitment",
    "key_encipherment": "key encipherment",
    "data_encipherment": "data encipherment",
    "key_agreement": "key agreement",
    "key_cert_sign": CERT_SIGN,
    "crl_sign": "crl sign",
}


class Unreadable(KubeopsError):  # noqa: N818 - what the input is, not a fault of ours
    """Input that holds no usable certificate, key, request or kubeconfig.

    problem: what kind of input it is: missing, not_a_file, symlink_loop, permission_denied,
    empty, too_large, encrypted, no_certificate, no_key, malformed, unsupported,
    or not_read: what it is this collection cannot tell, others may.
    """

    def __init__(self, problem: str, what: str, seen: str = "") -> None:
        super().__init__(what, seen)
        self.problem = problem


@dataclass(frozen=True)
class Certificate:
    """One X.509 certificate.

    Attributes:
        subject, issuer: RFC 4514 strings, as openssl's ``-nameopt RFC2253`` prints them.
        organizations: the groups, for a client of Kubernetes.
        serial: lower-case hexadecimal digits without a leading zero.
        ip_addresses: in their shortest form.
        usages: key usages and extended key usages in words: ``digital signature``, ``cert sign``,
            ``server auth``, ``client auth``; an unknown extended usage is its dotted OID.
        key_type: RSA, ECDSA, Ed25519, Ed448 or DSA; key_bits its size.
        public_key: SubjectPublicKeyInfo, DER.
        der: the whole certificate.
    """

    subject: str
    issuer: str
    common_name: str
    organizations: tuple[str, ...]
    serial: str
    dns_names: tuple[str, ...]
    ip_addresses: tuple[str, ...]
    usages: tuple[str, ...]
    is_ca: bool
    not_before: datetime
    not_after: datetime
    key_type: str
    key_bits: int
    signature_hash: str
    fingerprint: str
    subject_key_id: str = ""
    authority_key_id: str = ""
    public_key: bytes = field(default=b"", repr=False)
    der: bytes = field(default=b"", repr=False)

    @property
    def lifetime(self) -> timedelta:
        return self.not_after - self.not_before

    @property
    def names(self) -> tuple[str, ...]:
        """Every subject alternative name that a client may connect to."""
        return self.dns_names + self.ip_addresses

    @property
    def self_issued(self) -> bool:
        return self.subject == self.issuer

    def as_dict(self) -> dict[str, Any]:
        """Plain data for results."""
        return {
            "subject": self.subject,
            "issuer": self.issuer,
            "common_name": self.common_name,
            "organizations": list(self.organizations),
            "serial": self.serial,
            "dns_names": list(self.dns_names),
            "ip_addresses": list(self.ip_addresses),
            "usages": list(self.usages),
            "is_ca": self.is_ca,
            "not_before": f"{self.not_before:%Y-%m-%dT%H:%M:%SZ}",
            "not_after": f"{self.not_after:%Y-%m-%dT%H:%M:%SZ}",
            "key_type": self.key_type,
            "key_bits": self.key_bits,
            "signature_hash": self.signature_hash,
            "fingerprint": self.fingerprint,
        }


@dataclass(frozen=True)
class Key:
    """What may be known of a private or public key: nothing secret.

    Attributes:
        public_key: SubjectPublicKeyInfo, DER; two keys are the same when these are.
    """

    key_type: str
    key_bits: int
    private: bool
    public_key: bytes = field(default=b"", repr=False)


@dataclass(frozen=True)
class Request:
    """A certificate signing request.

    Attributes:
        other_names: kinds of alternative names besides DNS names and addresses, as UniformResourceIdentifier.
        signed: whether its own key signed it.
    """

    subject: str
    common_name: str
    organizations: tuple[str, ...]
    dns_names: tuple[str, ...]
    ip_addresses: tuple[str, ...]
    usages: tuple[str, ...]
    other_names: tuple[str, ...]
    key_type: str
    key_bits: int
    signed: bool
    public_key: bytes = field(default=b"", repr=False)


@dataclass(frozen=True)
class User:
    """A user of a kubeconfig.

    Attributes:
        certificate, key: what is embedded, decoded; empty where it is in files. The key is secret.
        certificate_file, key_file: paths as written, relative to the kubeconfig's directory.
        other: how the user authenticates without a certificate (token, exec, ...); empty where by certificate.
    """

    name: str
    certificate: bytes = field(default=b"", repr=False)
    key: bytes = field(default=b"", repr=False)
    certificate_file: str = ""
    key_file: str = ""
    other: str = ""


@dataclass(frozen=True)
class ClusterAccess:
    """A cluster of a kubeconfig: where its API is and which CA it must show."""

    name: str
    server: str = ""
    authority: bytes = field(default=b"", repr=False)
    authority_file: str = ""


@dataclass(frozen=True)
class Kubeconfig:
    """A kubeconfig. ``contexts`` maps a context to its (cluster, user), ``namespaces`` one to its namespace."""

    clusters: Mapping[str, ClusterAccess] = field(default_factory=dict)
    users: Mapping[str, User] = field(default_factory=dict)
    contexts: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    namespaces: Mapping[str, str] = field(default_factory=dict)
    current_context: str = ""

    def cluster_of(self, user: str) -> ClusterAccess | None:
        """The cluster this user speaks to: of the current context if that is theirs, else of any, else the only one."""
        pairs = [self.contexts.get(self.current_context, ("", "")), *self.contexts.values()]
        for cluster, who in pairs:
            if who == user and cluster in self.clusters:
                return self.clusters[cluster]
        return next(iter(self.clusters.values()), None) if len(self.clusters) == 1 else None


@dataclass(frozen=True)
class File:
    """A file on the node as it was found.

    Attributes:
        real_path: where symbolic links lead.
        mode: permission bits of what the links lead to.
        problem, seen: why it could not be read (see Unreadable), empty where it could.
    """

    path: str
    real_path: str = ""
    mode: int = 0
    uid: int = 0
    owner: str = ""
    group: str = ""
    modified: float = 0.0
    problem: str = ""
    seen: str = ""
    data: bytes = field(default=b"", repr=False)
