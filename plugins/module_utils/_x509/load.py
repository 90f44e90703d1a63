# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads PEM and DER into the model (pure). Whatever the input, the outcome is the model or Unreadable.

Works with cryptography 36 and newer, hence no function that came later, such as
load_pem_x509_certificates (39) or not_valid_after_utc (42).
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timezone
from typing import Any, TypeVar

from .model import CLIENT_AUTH, KEY_USAGES, SERVER_AUTH, Certificate, Key, Request, Unreadable

try:
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.backends import default_backend
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, padding, rsa
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, SignatureAlgorithmOID

    PSS_HASHES = (hashes.SHA256, hashes.SHA384, hashes.SHA512)
    HAS_CRYPTOGRAPHY = True
except ImportError:
    HAS_CRYPTOGRAPHY = False

MAX_BYTES = 1024 * 1024
MAX_CERTIFICATES = 1000  # in one file: a bundle of public CAs has about 150
CERTIFICATE = "CERTIFICATE"
REQUESTS = ("CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST")
PUBLIC_KEY = "PUBLIC KEY"
RSA_PUBLIC_KEY = "RSA PUBLIC KEY"

_BEGIN = b"-----BEGIN "
_DASHES = b"-----"
_SEQUENCE = b"\x30"
_DEFECT = re.compile(r"[^\x20-\x7e]+")
_Read = TypeVar("_Read")


def certificates(data: bytes) -> tuple[Certificate, ...]:
    """Return every certificate of a PEM file or the one of a DER file; other PEM blocks are passed over."""
    ders = _blocks_or_der(data, CERTIFICATE)
    if not ders:
        raise _nothing(data, "certificate")
    if len(ders) > MAX_CERTIFICATES:
        raise Unreadable("too_large", f"it holds more than {MAX_CERTIFICATES} certificates", f"{len(ders)} of them")
    return tuple(_guarded(_certificate, der, "certificate") for der in ders)


def private_key(data: bytes) -> Key:
    """Return what may be known of the first private key of a PEM or DER file."""
    blocks = [(label, der) for label, der in _pem(data) if label.endswith("PRIVATE KEY")]
    if not blocks and data[:1] == _SEQUENCE:
        blocks = [("PRIVATE KEY", data)]
    if not blocks:
        raise _nothing(data, "key")
    label, der = blocks[0]
    if label == "ENCRYPTED PRIVATE KEY" or not der:
        raise Unreadable("encrypted", "the private key is encrypted; Kubernetes reads none with a passphrase")
    return _guarded(_private_key, der, "private key")


def public_keys(data: bytes) -> tuple[Key, ...]:
    """Return every public key of a PEM file, which in a rotation holds several."""
    blocks = [(label, der) for label, der in _pem(data) if label in (PUBLIC_KEY, RSA_PUBLIC_KEY)]
    if not blocks:
        raise _nothing(data, "key")
    ders = (der if label == PUBLIC_KEY else _pem_again(label, der) for label, der in blocks)
    return tuple(_guarded(_public_key, der, "public key") for der in ders)


def request(data: bytes) -> Request:
    """Return the certificate signing request of a PEM or DER file."""
    ders = _blocks_or_der(data, *REQUESTS)
    if not ders:
        raise _nothing(data, "certificate signing request")
    return _guarded(_request, ders[0], "certificate signing request")


def signed_by(certificate: Certificate, authority: Certificate) -> bool:
    """Tell whether the authority's key signed this certificate."""
    if certificate.issuer != authority.subject:
        return False
    try:
        return _guarded(lambda der: _verifies(der, authority.public_key), certificate.der, "signature")
    except Unreadable:
        return False


def anchors(certificates: Sequence[Certificate], authorities: Sequence[Certificate]) -> list[Certificate]:
    """Return the authorities that a file's certificates lead to: the leaf, then each CA that signed the one before."""
    chain = list(certificates[:1])
    for other in certificates[1:]:
        if other.is_ca and signed_by(chain[-1], other):
            chain.append(other)
    return [authority for authority in authorities if any(signed_by(each, authority) for each in chain)]


def _pem(data: bytes) -> Iterator[tuple[str, bytes]]:
    """(label, DER) of every PEM block, in one pass; DER is empty for a block that is encrypted (RFC 1421)."""
    position = data.find(_BEGIN)
    while position != -1:
        label_end = data.find(_DASHES, position + len(_BEGIN))
        if label_end == -1:
            return
        label = data[position + len(_BEGIN) : label_end]
        end = data.find(b"-----END " + label + _DASHES, label_end)
        if end == -1:
            raise Unreadable("malformed", f"a PEM block begins and does not end: {_printable(label)}")
        yield _printable(label), _body(data[label_end + len(_DASHES) : end], label)
        position = data.find(_BEGIN, end)


def _body(body: bytes, label: bytes) -> bytes:
    if b":" in body:  # headers of RFC 1421, apart from the text by an empty line
        head, _apart, body = body.replace(b"\r", b"").partition(b"\n\n")
        if b"ENCRYPTED" in head:
            return b""
    try:
        return base64.b64decode(b"".join(body.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise Unreadable("malformed", f"a PEM block is no base64: {_printable(label)}", str(error)) from error


def _blocks_or_der(data: bytes, *labels: str) -> list[bytes]:
    if data[:1] == _SEQUENCE and _BEGIN not in data:  # text before a PEM block may begin with 0 too
        return [data]
    return [der for label, der in _pem(data) if label in labels]


def _nothing(data: bytes, wanted: str) -> Unreadable:
    """Say what the input is instead."""
    problem = "no_key" if wanted == "key" else "no_certificate"
    if not data.strip():
        return Unreadable("empty", "the file is empty")
    found = sorted({label for label, _der in _pem(data)})
    if found:
        return Unreadable(problem, f"it holds no {wanted}", f"it holds {', '.join(found)[:200]}")
    kind = "binary data" if b"\0" in data[:1024] else "text"
    return Unreadable("malformed", f"it holds no {wanted} in PEM or DER", f"{kind}, {len(data)} bytes")


def _guarded(read: Callable[[bytes], _Read], data: bytes, what: str) -> _Read:
    """Run a parser of cryptography: any defect of the input, even one that makes it panic, is Unreadable."""
    if not HAS_CRYPTOGRAPHY:
        raise Unreadable("unsupported", "the Python library cryptography is missing on this node")
    try:
        return read(data)
    except Unreadable:
        raise
    except BaseException as error:
        # A panic in its Rust code arrives as PanicException, which is no Exception.
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        raise Unreadable("malformed", f"the {what} cannot be parsed", _defect(error)) from None


def _defect(error: BaseException) -> str:
    """The library's message without what it quotes of the input at length."""
    return f"{type(error).__name__}: {_DEFECT.sub(' ', str(error))}"[:200]


def _printable(label: bytes) -> str:
    return _DEFECT.sub("?", label.decode("latin-1"))[:80]


def _certificate(der: bytes) -> Certificate:
    parsed = x509.load_der_x509_certificate(der)
    extensions = parsed.extensions
    dns_names, addresses = _alternative_names(extensions)
    public = parsed.public_key()
    key_type, bits = _kind(public)
    begin, end = _validity(parsed)
    basic = _value(extensions, x509.BasicConstraints)
    authority_key = _value(extensions, x509.AuthorityKeyIdentifier)
    subject_key = _value(extensions, x509.SubjectKeyIdentifier)
    return Certificate(
        subject=parsed.subject.rfc4514_string(),
        issuer=parsed.issuer.rfc4514_string(),
        common_name="".join(_attributes(parsed.subject, NameOID.COMMON_NAME)[:1]),
        organizations=_attributes(parsed.subject, NameOID.ORGANIZATION_NAME),
        serial=f"{parsed.serial_number:x}",
        dns_names=dns_names,
        ip_addresses=addresses,
        usages=_usages(extensions),
        is_ca=bool(basic and basic.ca),
        not_before=begin,
        not_after=end,
        key_type=key_type,
        key_bits=bits,
        signature_hash=getattr(_signature_hash(parsed), "name", ""),
        fingerprint=parsed.fingerprint(hashes.SHA256()).hex(),
        subject_key_id=subject_key.digest.hex() if subject_key else "",
        authority_key_id=(authority_key.key_identifier or b"").hex() if authority_key else "",
        public_key=_spki(public),
        der=der,
    )


def _private_key(der: bytes) -> Key:
    private = _load_private(der)
    return Key(*_kind(private), private=True, public_key=_spki(private.public_key()))


def _load_private(der: bytes) -> Any:
    """Testing the primes of an RSA key takes up to 0.1 s; whether it belongs to a certificate does not need it."""
    try:
        return serialization.load_der_private_key(der, password=None, unsafe_skip_rsa_key_validation=True)
    except TypeError:  # cryptography before 39, or a key that is encrypted: the call below tells which
        pass
    backend = default_backend()
    backend._rsa_skip_check_key = True  # what the option was in 36 to 38
    try:
        return serialization.load_der_private_key(der, password=None)
    except TypeError as error:
        raise Unreadable("encrypted", "the private key is encrypted") from error
    finally:
        backend._rsa_skip_check_key = False


def _public_key(der: bytes) -> Key:
    load = serialization.load_pem_public_key if der[:1] == b"-" else serialization.load_der_public_key
    public = load(der)
    return Key(*_kind(public), private=False, public_key=_spki(public))


def _pem_again(label: str, der: bytes) -> bytes:
    return f"-----BEGIN {label}-----\n".encode() + base64.encodebytes(der) + f"-----END {label}-----\n".encode()


def _request(der: bytes) -> Request:
    parsed = x509.load_der_x509_csr(der)
    extensions = parsed.extensions
    dns_names, addresses = _alternative_names(extensions)
    public = parsed.public_key()
    key_type, bits = _kind(public)
    return Request(
        subject=parsed.subject.rfc4514_string(),
        common_name="".join(_attributes(parsed.subject, NameOID.COMMON_NAME)[:1]),
        organizations=_attributes(parsed.subject, NameOID.ORGANIZATION_NAME),
        dns_names=dns_names,
        ip_addresses=addresses,
        usages=_usages(extensions),
        other_names=_other_names(extensions),
        key_type=key_type,
        key_bits=bits,
        signed=bool(parsed.is_signature_valid),
        public_key=_spki(public),
    )


def _verifies(der: bytes, authority_spki: bytes) -> bool:
    parsed = x509.load_der_x509_certificate(der)
    public = serialization.load_der_public_key(authority_spki)
    signature, signed = parsed.signature, parsed.tbs_certificate_bytes
    try:
        if isinstance(public, rsa.RSAPublicKey):
            if parsed.signature_algorithm_oid == SignatureAlgorithmOID.RSASSA_PSS:
                return any(_verifies_pss(public, signature, signed, kind()) for kind in PSS_HASHES)
            public.verify(signature, signed, padding.PKCS1v15(), _hash(parsed))
        elif isinstance(public, ec.EllipticCurvePublicKey):
            public.verify(signature, signed, ec.ECDSA(_hash(parsed)))
        elif isinstance(public, (ed25519.Ed25519PublicKey, ed448.Ed448PublicKey)):
            public.verify(signature, signed)
        else:
            return False
    except InvalidSignature:
        return False
    return True


def _verifies_pss(public: Any, signature: bytes, signed: bytes, kind: Any) -> bool:
    """As Go takes it: the mask by the same hash, and a salt as long. cryptography before 41 tells no parameters."""
    try:
        public.verify(signature, signed, padding.PSS(padding.MGF1(kind), kind.digest_size), kind)
    except InvalidSignature:
        return False
    return True


def _hash(parsed: Any) -> Any:
    algorithm = parsed.signature_hash_algorithm
    if algorithm is None:
        raise ValueError("the signature names no hash for this kind of key")
    return algorithm


def _signature_hash(parsed: Any) -> Any:
    try:
        return parsed.signature_hash_algorithm
    except Exception:  # UnsupportedAlgorithm: the certificate is still worth a look
        return None


def _validity(parsed: Any) -> tuple[datetime, datetime]:
    if hasattr(parsed, "not_valid_after_utc"):
        return parsed.not_valid_before_utc, parsed.not_valid_after_utc
    # Before cryptography 42 these were naive, and still UTC.
    utc = timezone.utc
    return parsed.not_valid_before.replace(tzinfo=utc), parsed.not_valid_after.replace(tzinfo=utc)


def _attributes(name: Any, oid: Any) -> tuple[str, ...]:
    return tuple(_text(attribute.value) for attribute in name.get_attributes_for_oid(oid))


def _text(value: str | bytes) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def _alternative_names(extensions: Any) -> tuple[tuple[str, ...], tuple[str, ...]]:
    names = _value(extensions, x509.SubjectAlternativeName)
    if names is None:
        return (), ()
    dns = names.get_values_for_type(x509.DNSName)
    return tuple(dns), tuple(str(address) for address in names.get_values_for_type(x509.IPAddress))


def _other_names(extensions: Any) -> tuple[str, ...]:
    """Kinds of alternative names besides DNS names and addresses."""
    names = _value(extensions, x509.SubjectAlternativeName) or ()
    kinds = {type(name).__name__ for name in names if not isinstance(name, (x509.DNSName, x509.IPAddress))}
    return tuple(sorted(kinds))


def _usages(extensions: Any) -> tuple[str, ...]:
    usage = _value(extensions, x509.KeyUsage)
    extended = _value(extensions, x509.ExtendedKeyUsage) or ()
    words = {ExtendedKeyUsageOID.SERVER_AUTH: SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH: CLIENT_AUTH}
    plain = [word for attribute, word in KEY_USAGES.items() if usage is not None and getattr(usage, attribute)]
    return (*plain, *(words.get(oid, oid.dotted_string) for oid in extended))


def _value(extensions: Any, kind: Any) -> Any:
    try:
        return extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def _kind(key: Any) -> tuple[str, int]:
    """(type, bits) of a private or public key."""
    if isinstance(key, (rsa.RSAPublicKey, rsa.RSAPrivateKey)):
        return "RSA", key.key_size
    if isinstance(key, (ec.EllipticCurvePublicKey, ec.EllipticCurvePrivateKey)):
        return "ECDSA", key.key_size
    if isinstance(key, (ed25519.Ed25519PublicKey, ed25519.Ed25519PrivateKey)):
        return "Ed25519", 256
    if isinstance(key, (ed448.Ed448PublicKey, ed448.Ed448PrivateKey)):
        return "Ed448", 456
    if isinstance(key, (dsa.DSAPublicKey, dsa.DSAPrivateKey)):
        return "DSA", key.key_size
    raise Unreadable("unsupported", "the kind of key is none that Kubernetes uses", type(key).__name__)


def _spki(public: Any) -> bytes:
    form = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return bytes(public.public_bytes(*form))
