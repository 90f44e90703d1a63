# SPDX-License-Identifier: GPL-3.0-or-later
"""What tests of several files need."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from ansible_collections.kubeops.cluster.plugins.module_utils._x509 import issue
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import NameOID

Authority = tuple[bytes, bytes]


@pytest.fixture
def intermediate() -> Callable[[bytes, bytes, datetime], Authority]:
    """Makes certificate and key of a CA below another; the collection itself makes none such."""

    def make(ca: bytes, ca_key: bytes, now: datetime) -> Authority:
        key, signer = issue.make_key("ecdsa-p256"), serialization.load_pem_private_key(ca_key, None)
        public = serialization.load_pem_private_key(key, None).public_key()
        certificate = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "intermediate")]))
            .issuer_name(x509.load_pem_x509_certificate(ca).subject)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now)
            .not_valid_after(now + timedelta(days=380))
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(signer, hashes.SHA256())  # type: ignore[arg-type]
        )
        return certificate.public_bytes(serialization.Encoding.PEM), key

    return make
