# SPDX-License-Identifier: GPL-3.0-or-later
"""Only a kubelet's own names, by the inventory and by the Node, are approved."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.kubeops.cluster.plugins.module_utils._kubelet import serving
from ansible_collections.kubeops.cluster.plugins.module_utils._x509 import issue
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

KEY = issue.make_key("ecdsa-p256")
USER = "system:node:w1"
LEAF = issue.Leaf(USER, ("system:nodes",), ("w1",), ("192.0.2.21", "2001:db8::1"), (issue.SERVER,))
WANTED = serving.Wanted("w1", ("192.0.2.21", "2001:0db8::1"))
NODE = {"status": {"addresses": [{"address": text} for text in ("w1", "192.0.2.21", "2001:db8::1", "203.0.113.9")]}}


def request(leaf: issue.Leaf = LEAF, pem: bytes = b"", **spec: object) -> dict[str, Any]:
    return {
        "metadata": {"name": "csr-1", "creationTimestamp": "2026-11-21T10:00:00Z"},
        "spec": {
            "signerName": serving.SIGNER,
            "username": USER,
            "groups": ["system:nodes", "system:authenticated"],
            "usages": ["digital signature", "server auth"],
            "request": base64.b64encode(pem or issue.make_csr(KEY, leaf)).decode(),
            **spec,
        },
    }


def other_kinds_of_names() -> bytes:
    key: Any = serialization.load_pem_private_key(KEY, None)
    name = x509.load_pem_x509_csr(issue.make_csr(KEY, LEAF)).subject
    names = [x509.DNSName("w1"), x509.UniformResourceIdentifier("spiffe://x"), x509.RFC822Name("a@example.com")]
    builder = x509.CertificateSigningRequestBuilder().subject_name(name)
    signed = builder.add_extension(x509.SubjectAlternativeName(names), critical=False).sign(key, hashes.SHA256())
    return signed.public_bytes(serialization.Encoding.PEM)


def test_a_kubelet_gets_its_own_names() -> None:
    assert serving.why_not(request(), WANTED, NODE) == []
    rsa = request(usages=["digital signature", "key encipherment", "server auth"])
    assert serving.why_not(rsa, WANTED, NODE) == []


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (request(username="system:node:w2"), "w2 asks, not"),
        (request(groups=["system:authenticated"]), "in system:authenticated, not in"),
        (request(signerName="kubernetes.io/kube-apiserver-client"), "asks the signer"),
        (request(usages=["digital signature", "client auth", "server auth"]), "client auth"),
        (request(usages=["digital signature"]), "usages"),
        (request(replace(LEAF, common_name="system:node:w2")), "its subject is"),
        (request(replace(LEAF, organizations=("system:masters",))), "its subject is"),
        (request(replace(LEAF, organizations=("system:nodes", "system:masters"))), "its subject is"),
        (request(replace(LEAF, dns_names=("w1", "kubernetes.default"))), "inventory does not have kubernetes.default"),
        (request(replace(LEAF, ip_addresses=("203.0.113.9",))), "the inventory does not have 203.0.113.9"),
        (request(replace(LEAF, ip_addresses=("192.0.2.22",))), "the Node does not have 192.0.2.22"),
        (request(replace(LEAF, dns_names=(), ip_addresses=())), "no name and no address"),
        (request(pem=other_kinds_of_names()), "RFC822Name, UniformResourceIdentifier"),
        (request(pem=b"nonsense"), "cannot be read"),
        (request(request="%"), "cannot be read"),
    ],
)
def test_whatever_else_is_asked_is_refused(asked: dict[str, Any], words: str) -> None:
    assert words in "; ".join(serving.why_not(asked, WANTED, NODE))


def test_a_node_that_the_cluster_does_not_know() -> None:
    assert "the cluster has no Node w1" in serving.why_not(request(), WANTED, None)


def test_a_name_of_a_cloud_has_to_be_in_both_places() -> None:
    asked = request(replace(LEAF, ip_addresses=("203.0.113.9",)))
    allowed = replace(WANTED, extra_names=("203.0.113.9",))
    assert serving.why_not(asked, allowed, NODE) == []


def listed(*decided: bool) -> list[dict[str, Any]]:
    """Requests in the order of their making."""
    found = []
    for number, one in enumerate(decided):
        made = {"name": f"csr-{number}", "creationTimestamp": f"2026-11-21T10:0{number}:00Z"}
        status = {"conditions": [{"type": "Approved"}]} if one else {}
        found.append({**request(), "metadata": made, "status": status})
    return found


@pytest.mark.parametrize(
    ("decided", "expected"),
    [((), None), ((False,), "csr-0"), ((False, False), "csr-1"), ((True, False), "csr-1"), ((False, True), None)],
    ids=["none", "one", "the last of two", "after an approved one", "the last is decided"],
)
def test_only_the_last_request_counts(decided: tuple[bool, ...], expected: str | None) -> None:
    found = serving.pending(reversed(listed(*decided)), USER)
    assert (found["metadata"]["name"] if found else None) == expected
    assert serving.pending(listed(*decided), "system:node:w2") is None
