# SPDX-License-Identifier: GPL-3.0-or-later
"""Of which cluster a database is."""

from __future__ import annotations

import hashlib
from base64 import b64encode

import pytest
from ansible_collections.kubeops.cluster.plugins.module_utils._etcd import identity

UID = "8f14e45f-ceea-467f-a0e6-1c2d3e4f5a6b"
CERTIFICATE = bytes(range(256)) * 3
CA = hashlib.sha256(CERTIFICATE).hexdigest()
PEM = b"-----BEGIN CERTIFICATE-----\n" + b64encode(CERTIFICATE) + b"\n-----END CERTIFICATE-----\n"
NAMESPACE = b"\x0a\x20/registry/namespaces/kube-system\x10....." + UID.encode()
ROOT_CA = b"\x0a\x31/registry/configmaps/kube-system/kube-root-ca.crt\x10....." + PEM
DATABASE = b"x" * 5000 + NAMESPACE + b"y" * 5000 + ROOT_CA + b"z" * 5000


@pytest.mark.parametrize("size", [400, 1000, 4096, 7001, len(DATABASE)])
def test_found_wherever_the_pieces_end(size: int) -> None:
    search = identity.Search()
    for start in range(0, len(DATABASE), size):
        search.feed(DATABASE[start : start + size])
    assert (search.uid, search.cas) == (UID, (CA,))


def test_nothing_is_found_outside_kubernetes() -> None:
    search = identity.Search()
    search.feed(b"/registry/namespaces/kube-system " + UID.encode())
    assert (search.uid, search.cas) == ("", ())


@pytest.mark.parametrize(
    ("uid", "cas", "same"),
    [
        ("", (), True),
        (UID, (), True),
        ("another", (), False),
        ("another", (CA,), True),  # born anew on empty data, under the same CA
        (UID, ("another",), True),  # the CA was rotated since
        ("another", ("another",), False),
        ("", ("another",), False),
    ],
)
def test_uid_or_ca_is_enough(uid: str, cas: tuple[str, ...], same: bool) -> None:
    assert identity.is_same(uid, cas, UID, (CA,)) is same
