# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys, CAs, requests and certificates: what goes in comes out, and what does not fit is refused."""

from __future__ import annotations

import base64
from datetime import datetime, timedelta, timezone

import pytest
from ansible_collections.kubeops.cluster.plugins.module_utils._core.errors import KubeopsError, Refusal
from ansible_collections.kubeops.cluster.plugins.module_utils._x509 import duration, issuance, issue
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding

NOW = datetime(2026, 11, 21, 12, 0, 0, tzinfo=timezone.utc)
DAY = timedelta(days=1)
LEAF = issue.Leaf("cp1", ("system:nodes",), ("cp1", "localhost"), ("192.0.2.1", "::1"), ("server", "client"))
CA_KEY = issue.make_key("ecdsa-p256")
CA = issue.make_ca(CA_KEY, "etcd-ca", NOW, 100 * DAY)
KEY, CERT = issue.issue(LEAF, CA, CA_KEY, NOW, 10 * DAY, "ecdsa-p256")


@pytest.mark.parametrize("kind", ["rsa-2048", "ecdsa-p256", "ecdsa-p384", "ecdsa-p521"])
def test_a_leaf_of_every_kind_says_what_was_wanted(kind: str) -> None:
    ca_key = issue.make_key(kind)
    ca = issue.make_ca(ca_key, "kubernetes", NOW, 100 * DAY)
    key, certificate = issue.issue(LEAF, ca, ca_key, NOW, 10 * DAY, kind)
    assert issue.leaf_of(certificate) == LEAF
    assert issue.key_type(certificate) == kind
    assert issue.same_key(key, certificate)
    assert issue.is_issued_by(certificate, ca)
    assert not issue.is_issued_by(certificate, CA)
    assert issue.validity(certificate) == (NOW - issue.CLOCK_SKEW, NOW + 10 * DAY)


@pytest.mark.parametrize(
    ("kind", "salt", "signed"),
    [(hashes.SHA256, 32, True), (hashes.SHA384, 48, True), (hashes.SHA512, 64, True), (hashes.SHA256, 20, False)],
    ids=["SHA-256", "SHA-384", "SHA-512", "a salt that Go refuses"],
)
def test_a_signature_by_rsa_pss_is_one(kind: type[hashes.HashAlgorithm], salt: int, signed: bool) -> None:
    ca_key, other_key = issue.make_key(), issue.make_key()
    ca, other = (issue.make_ca(key, "kubernetes", NOW, 100 * DAY) for key in (ca_key, other_key))
    public, authority = serialization.load_pem_private_key(KEY, None), serialization.load_pem_private_key(ca_key, None)
    name = x509.load_pem_x509_certificate(ca).subject
    certificate = (
        x509.CertificateBuilder(name, name, public.public_key(), 1, NOW, NOW + DAY)  # type: ignore[arg-type]
        .sign(authority, kind(), rsa_padding=padding.PSS(padding.MGF1(kind()), salt))  # type: ignore[arg-type]
        .public_bytes(serialization.Encoding.PEM)
    )
    assert issue.is_issued_by(certificate, ca) is signed
    assert not issue.is_issued_by(certificate, other)
    assert issue.key_type(certificate) == "ecdsa-p256"


def test_a_key_of_a_kind_that_the_library_does_not_know_is_named() -> None:
    unknown = bytes.fromhex("302e020100300506032b657304220420" + "00" * 32)
    pem = b"-----BEGIN PRIVATE KEY-----\n" + base64.b64encode(unknown) + b"\n-----END PRIVATE KEY-----\n"
    with pytest.raises(KubeopsError, match="private key"):
        issue.same_key(pem, CERT)


def test_a_leaf_never_outlives_its_ca() -> None:
    certificate = issue.issue(LEAF, CA, CA_KEY, NOW, 1000 * DAY, "ecdsa-p256")[1]
    assert issue.validity(certificate)[1] == issue.validity(CA)[1]


def test_a_request_says_what_was_asked_and_nothing_secret() -> None:
    csr = issue.make_csr(KEY, LEAF)
    assert issue.leaf_of_csr(csr) == LEAF
    assert issue.same_key(KEY, csr)
    assert b"PRIVATE" not in csr


@pytest.mark.parametrize(
    "asked",
    [
        issue.Leaf("cp2", LEAF.organizations, LEAF.dns_names, LEAF.ip_addresses, LEAF.usages),
        issue.Leaf("cp1", ("system:masters",), LEAF.dns_names, LEAF.ip_addresses, LEAF.usages),
        issue.Leaf("cp1", LEAF.organizations, ("cp1", "evil"), LEAF.ip_addresses, LEAF.usages),
        issue.Leaf("cp1", LEAF.organizations, LEAF.dns_names, ("192.0.2.9",), LEAF.usages),
    ],
    ids=["common name", "organizations", "DNS names", "addresses"],
)
def test_a_request_for_something_else_is_refused(asked: issue.Leaf) -> None:
    with pytest.raises(Refusal) as refused:
        issue.sign(issue.make_csr(KEY, asked), LEAF, CA, CA_KEY, NOW, DAY)
    assert refused.value.rule == "csr_differs"


def test_the_first_certificate_of_a_bundle_signs() -> None:
    other = issue.make_ca(issue.make_key("ecdsa-p256"), "old", NOW, DAY)
    assert issue.is_issued_by(issue.issue(LEAF, CA + other, CA_KEY, NOW, DAY, "ecdsa-p256")[1], CA)
    with pytest.raises(Refusal) as refused:
        issue.issue(LEAF, other + CA, CA_KEY, NOW, DAY, "ecdsa-p256")
    assert refused.value.rule == "ca_key_mismatch"


def test_an_expired_ca_signs_nothing() -> None:
    with pytest.raises(Refusal) as refused:
        issue.issue(LEAF, CA, CA_KEY, NOW + 101 * DAY, DAY, "ecdsa-p256")
    assert refused.value.rule == "ca_expired"


@pytest.mark.parametrize(
    "rubbish", [b"", b"\x00\xff", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
)
def test_rubbish_is_an_error_that_says_so(rubbish: bytes) -> None:
    for function in (issue.leaf_of, issue.leaf_of_csr, issue.validity, issue.serial):
        with pytest.raises(KubeopsError):
            function(rubbish)
    with pytest.raises(KubeopsError):
        issue.same_key(rubbish, CERT)


OTHER_KEY = issue.make_key("ecdsa-p256")
OTHER_CA = issue.make_ca(OTHER_KEY, "etcd-ca", NOW, 100 * DAY)


@pytest.mark.parametrize(
    ("certificate", "key", "ca", "leaf", "after", "reason"),
    [
        (CERT, KEY, CA, LEAF, 0, ""),
        (None, KEY, CA, LEAF, 0, "the certificate is missing"),
        (CERT, None, CA, LEAF, 0, "the key is missing"),
        (CERT, OTHER_KEY, CA, LEAF, 0, "the key does not belong to the certificate"),
        (CERT, KEY, OTHER_CA, LEAF, 0, "another CA signed it"),
        (CERT, KEY, CA, issue.Leaf("cp9"), 0, "common name: cp1, wanted cp9"),
        (CERT, KEY, CA, LEAF, 8, "ends in 2 days"),
        (CERT, KEY, CA, LEAF, 13, "expired 3 days ago"),
        (b"rubbish", KEY, CA, LEAF, 0, "unreadable: the certificate is no certificate in PEM"),
    ],
)
def test_why_a_certificate_is_due(
    certificate: bytes | None, key: bytes | None, ca: bytes, leaf: issue.Leaf, after: int, reason: str
) -> None:
    assert issuance.why_due(leaf, certificate, key, ca, NOW + after * DAY, 3 * DAY) == reason


def test_an_address_in_another_spelling_is_the_same() -> None:
    leaf = issue.Leaf("cp1", LEAF.organizations, LEAF.dns_names, ("192.0.2.1", "0:0::1"), LEAF.usages)
    assert issuance.why_other(leaf, CERT) == ""


@pytest.mark.parametrize(("text", "seconds"), [("365d", 31536000), ("12h", 43200), ("30m", 1800), ("1.5h", 5400)])
def test_durations(text: str, seconds: int) -> None:
    assert duration.parse(text, "valid_for") == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "365", "d", "-1d", "1w"])
def test_what_is_no_duration_names_its_option(text: str) -> None:
    with pytest.raises(KubeopsError, match="valid_for"):
        duration.parse(text, "valid_for")
