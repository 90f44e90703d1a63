# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes keys, CAs, requests and certificates (pure): PEM bytes in, PEM bytes out.

What comes out has the shape of kubeadm's own certificates, see
https://kubernetes.io/docs/setup/best-practices/certificates/
Needs the Python library cryptography, 36 or newer.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any, Union

from .._core.errors import KubeopsError, Refusal
from . import load

try:
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec, rsa
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    HAS_CRYPTOGRAPHY = True
except ImportError:
    HAS_CRYPTOGRAPHY = False

SERVER = "server"
CLIENT = "client"
USAGES = (SERVER, CLIENT)
# The curve by the kind of key, as cryptography names it; its class has that name in capitals.
CURVES = {"ecdsa-p256": "secp256r1", "ecdsa-p384": "secp384r1", "ecdsa-p521": "secp521r1"}
KEY_TYPES = ("rsa-2048", "rsa-3072", "rsa-4096", *CURVES)
# A peer whose clock is a little behind accepts a certificate made this moment.
CLOCK_SKEW = timedelta(minutes=5)
UTC = timezone.utc

PrivateKey = Union["rsa.RSAPrivateKey", "ec.EllipticCurvePrivateKey"]


@dataclass(frozen=True)
class Leaf:
    """What a certificate shall say.

    Attributes:
        common_name: the user, for a client of Kubernetes.
        organizations: the groups, for a client of Kubernetes.
        dns_names, ip_addresses: subject alternative names.
        usages: out of ``server`` and ``client``.
    """

    common_name: str
    organizations: tuple[str, ...] = ()
    dns_names: tuple[str, ...] = ()
    ip_addresses: tuple[str, ...] = ()
    usages: tuple[str, ...] = (CLIENT,)


def require_cryptography() -> None:
    """Raise KubeopsError where the library is missing on the node."""
    if not HAS_CRYPTOGRAPHY:
        raise KubeopsError(
            "the Python library cryptography is missing on this node",
            fix="install python3-cryptography (the role node_prep does)",
        )


def make_key(kind: str = "rsa-2048") -> bytes:
    """Return a new private key as PEM, unencrypted, in the format that kubeadm writes. Secret."""
    require_cryptography()
    key: PrivateKey
    if kind in CURVES:
        key = ec.generate_private_key(getattr(ec, CURVES[kind].upper())())
    elif kind in KEY_TYPES:
        key = rsa.generate_private_key(public_exponent=65537, key_size=int(kind.partition("-")[2]))
    else:
        raise KubeopsError(f"unknown type of key {kind!r}", fix=f"use one of {', '.join(KEY_TYPES)}")
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )


def make_ca(key: bytes, common_name: str, now: datetime, valid_for: timedelta) -> bytes:
    """Return a self-signed CA certificate for this key."""
    private = _private_key(key)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(_whole_second(now - CLOCK_SKEW))
        .not_valid_after(_whole_second(now + valid_for))
        .add_extension(_key_usage(signs_certificates=True), critical=True)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(private.public_key()), critical=False)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(common_name)]), critical=False)
    )
    return builder.sign(private, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def make_csr(key: bytes, leaf: Leaf) -> bytes:
    """Return a request for this leaf, signed by its key. It says nothing secret."""
    private = _private_key(key)
    builder = x509.CertificateSigningRequestBuilder().subject_name(_subject(leaf))
    names = _alternative_names(leaf)
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    builder = builder.add_extension(_extended_usage(leaf), critical=False)
    return builder.sign(private, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def sign(csr: bytes, leaf: Leaf, ca_cert: bytes, ca_key: bytes, now: datetime, valid_for: timedelta) -> bytes:
    """Return a certificate for the key in the request, saying what leaf says.

    The certificate ends with its CA at the latest. ca_cert may hold several
    certificates: the first signs, as with kubeadm. Raises Refusal where the request
    asks for another subject or other names than leaf, where its signature is wrong,
    where the CA's key does not belong to its certificate, or where the CA has expired.
    """
    request = _request(csr)
    _require_same(request, leaf)
    authority = _certificate(ca_cert, "the CA's certificate")
    private = _private_key(ca_key)
    begin, end = validity(authority)
    _require_able(authority, private, end, now)
    builder = (
        x509.CertificateBuilder()
        .subject_name(_subject(leaf))
        .issuer_name(authority.subject)
        .public_key(request.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(_whole_second(max(begin, now - CLOCK_SKEW)))
        .not_valid_after(_whole_second(min(end, now + valid_for)))
        .add_extension(_key_usage(signs_certificates=False), critical=True)
        .add_extension(_extended_usage(leaf), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_authority_key(authority), critical=False)
    )
    names = _alternative_names(leaf)
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(private, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def issue(
    leaf: Leaf, ca_cert: bytes, ca_key: bytes, now: datetime, valid_for: timedelta, kind: str = "rsa-2048"
) -> tuple[bytes, bytes]:
    """Return (key, certificate) where key and CA are on the same node."""
    key = make_key(kind)
    return key, sign(make_csr(key, leaf), leaf, ca_cert, ca_key, now, valid_for)


def leaf_of(certificate: bytes) -> Leaf:
    """Return what a certificate says, so that its successor can say the same."""
    parsed = _certificate(certificate, "the certificate")
    usages = _extension(parsed, x509.ExtendedKeyUsage) or ()
    known = {ExtendedKeyUsageOID.SERVER_AUTH: SERVER, ExtendedKeyUsageOID.CLIENT_AUTH: CLIENT}
    return Leaf(
        *_names_of(parsed),
        usages=tuple(known[usage] for usage in usages if usage in known),
    )


def leaf_of_csr(csr: bytes) -> Leaf:
    """Return what a request asks for; raises Refusal where its signature is wrong."""
    request = _request(csr)
    usages = _extension(request, x509.ExtendedKeyUsage) or ()
    known = {ExtendedKeyUsageOID.SERVER_AUTH: SERVER, ExtendedKeyUsageOID.CLIENT_AUTH: CLIENT}
    return Leaf(*_names_of(request), usages=tuple(known[usage] for usage in usages if usage in known))


def same_key(key: bytes, signed: bytes) -> bool:
    """Tell whether a private key belongs to a certificate or a request."""
    other = _request(signed) if b"REQUEST-----" in signed else _certificate(signed, "the certificate")
    return _same_public(_private_key(key).public_key(), other.public_key())


def key_type(certificate: bytes) -> str:
    """Return the kind of a certificate's key, so that its successor has the same; rsa-2048 where we make no such."""
    key = _certificate(certificate, "the certificate").public_key()
    if isinstance(key, ec.EllipticCurvePublicKey):
        return next((kind for kind, curve in CURVES.items() if curve == key.curve.name), "ecdsa-p256")
    kind = f"rsa-{key.key_size}" if isinstance(key, rsa.RSAPublicKey) else ""
    return kind if kind in KEY_TYPES else "rsa-2048"


def is_issued_by(certificate: bytes, ca_cert: bytes) -> bool:
    """Tell whether the (first) CA's key signed this certificate."""
    return load.signed_by(load.certificates(certificate)[0], load.certificates(ca_cert)[0])


def serial(certificate: bytes) -> str:
    """Return the serial number, hexadecimal in capitals as openssl prints it."""
    return f"{_certificate(certificate, 'the certificate').serial_number:X}"


def validity(certificate: bytes | x509.Certificate) -> tuple[datetime, datetime]:
    """Return (not before, not after) in UTC, with the cryptography at hand."""
    parsed = _certificate(certificate, "the certificate") if isinstance(certificate, bytes) else certificate
    if hasattr(parsed, "not_valid_after_utc"):
        return parsed.not_valid_before_utc, parsed.not_valid_after_utc
    # Before cryptography 42 these were naive, and still UTC.
    return parsed.not_valid_before.replace(tzinfo=UTC), parsed.not_valid_after.replace(tzinfo=UTC)


def require_able(ca_cert: bytes, ca_key: bytes, now: datetime) -> None:
    """Raise Refusal where this CA cannot sign: another key, or it has expired; KubeopsError where it is unreadable."""
    authority = _certificate(ca_cert, "the CA's certificate")
    _require_able(authority, _private_key(ca_key), validity(authority)[1], now)


def _require_able(authority: x509.Certificate, key: PrivateKey, end: datetime, now: datetime) -> None:
    if not _same_public(key.public_key(), authority.public_key()):
        raise Refusal(
            "the CA's key does not belong to its certificate",
            seen=f"certificate of {authority.subject.rfc4514_string()}",
            fix="put the matching pair in place, from a backup or another control plane",
            rule="ca_key_mismatch",
        )
    if end <= now:
        raise Refusal(
            "the CA itself has expired",
            seen=f"{authority.subject.rfc4514_string()} ended {end:%Y-%m-%d %H:%M} UTC",
            fix="replace it by hand, https://kubernetes.io/docs/tasks/tls/manual-rotation-of-ca-certificates/: the "
            "playbook rotate_ca needs a cluster that works",
            rule="ca_expired",
        )


def _require_same(request: x509.CertificateSigningRequest, leaf: Leaf) -> None:
    asked = _names_of(request)
    wanted = (
        leaf.common_name,
        leaf.organizations,
        leaf.dns_names,
        tuple(str(ipaddress.ip_address(address)) for address in leaf.ip_addresses),
    )
    for label, got, want in zip(("common name", "organizations", "DNS names", "addresses"), asked, wanted):
        if sorted(got) != sorted(want):
            raise Refusal(
                "the request asks for something else than what it shall get",
                seen=f"{label}: asked {_shown(got)}, wanted {_shown(want)}",
                fix="make the request anew",
                rule="csr_differs",
            )


def _names_of(
    signed: x509.Certificate | x509.CertificateSigningRequest,
) -> tuple[str, tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """Common name, organizations, DNS names, addresses."""
    common = [str(entry.value) for entry in signed.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    groups = [str(entry.value) for entry in signed.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)]
    names = _extension(signed, x509.SubjectAlternativeName)
    dns = names.get_values_for_type(x509.DNSName) if names else []
    addresses = names.get_values_for_type(x509.IPAddress) if names else []
    return "".join(common[:1]), tuple(groups), tuple(dns), tuple(str(address) for address in addresses)


def _extension(signed: x509.Certificate | x509.CertificateSigningRequest, kind: Any) -> Any:
    try:
        return signed.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def _subject(leaf: Leaf) -> x509.Name:
    groups = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in leaf.organizations]
    return x509.Name([*groups, x509.NameAttribute(NameOID.COMMON_NAME, leaf.common_name)])


def _alternative_names(leaf: Leaf) -> list[x509.GeneralName]:
    names: list[x509.GeneralName] = [x509.DNSName(name) for name in leaf.dns_names]
    return names + [x509.IPAddress(ipaddress.ip_address(address)) for address in leaf.ip_addresses]


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=True,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )


def _extended_usage(leaf: Leaf) -> x509.ExtendedKeyUsage:
    oids = {SERVER: ExtendedKeyUsageOID.SERVER_AUTH, CLIENT: ExtendedKeyUsageOID.CLIENT_AUTH}
    return x509.ExtendedKeyUsage([oids[usage] for usage in leaf.usages])


def _authority_key(authority: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    identifier = _extension(authority, x509.SubjectKeyIdentifier)
    if identifier is None:
        return x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.public_key())  # type: ignore[arg-type]
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier)


def _certificate(pem: bytes, what: str) -> x509.Certificate:
    require_cryptography()
    parsed: x509.Certificate = _whole(x509.load_pem_x509_certificate, pem, f"{what} is no certificate in PEM")
    return parsed


def _request(pem: bytes) -> x509.CertificateSigningRequest:
    require_cryptography()
    what = "the request is no certificate signing request in PEM"
    request: x509.CertificateSigningRequest = _whole(x509.load_pem_x509_csr, pem, what)
    if not request.is_signature_valid:
        raise Refusal("the request is not signed by its own key", fix="make it anew", rule="csr_signature")
    return request


def _whole(read: Callable[[bytes], Any], pem: bytes, what: str) -> Any:
    """Parse all of it now: the library reads names, keys and extensions only once they are asked for."""
    try:
        parsed = read(pem)
        for part in ("subject", "issuer", "extensions", "is_signature_valid"):
            getattr(parsed, part, None)  # a request has no issuer, a certificate does not verify itself
        parsed.public_key()
        return parsed
    except BaseException as error:
        # A panic in its Rust code arrives as PanicException, which is no Exception.
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        raise KubeopsError(what, seen=f"{type(error).__name__}: {error}"[:200]) from error


def _private_key(pem: bytes) -> PrivateKey:
    require_cryptography()
    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except (TypeError, ValueError, UnsupportedAlgorithm) as error:
        # The library's text names the defect, never the key.
        raise KubeopsError("this is no unencrypted private key in PEM", seen=type(error).__name__) from error
    if not isinstance(key, (rsa.RSAPrivateKey, ec.EllipticCurvePrivateKey)):
        raise KubeopsError("the private key is neither RSA nor ECDSA", seen=type(key).__name__)
    return key


def _same_public(one: Any, other: Any) -> bool:
    form = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return bool(one.public_bytes(*form) == other.public_bytes(*form))


def _whole_second(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(microsecond=0)


def _shown(value: str | Sequence[str]) -> str:
    return value if isinstance(value, str) else ", ".join(value) or "none"
