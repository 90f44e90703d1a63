# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hash of a CA's public key as kubeadm's discovery wants it (pure).

https://kubernetes.io/docs/reference/setup-tools/kubeadm/kubeadm-join/#token-based-discovery-with-ca-pinning
"""

from __future__ import annotations

import base64
import hashlib
import re

_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----(.+?)-----END CERTIFICATE-----", re.DOTALL)
_EXPLICIT_VERSION = 0xA0
# serialNumber, signature, issuer, validity, subject stand before subjectPublicKeyInfo (RFC 5280, 4.1).
_FIELDS_BEFORE_KEY = 5


def ca_cert_hashes(pem: str) -> list[str]:
    """Return ``sha256:<hex>`` for every certificate of a CA bundle."""
    return [
        "sha256:" + hashlib.sha256(_public_key_info(base64.b64decode(match))).hexdigest()
        for match in _CERTIFICATE.findall(pem)
    ]


def _public_key_info(certificate: bytes) -> bytes:
    """Cut subjectPublicKeyInfo out of a DER certificate."""
    body, _end = _content(certificate, 0)
    offset, _end = _content(certificate, body)
    if certificate[offset] == _EXPLICIT_VERSION:
        offset = _content(certificate, offset)[1]
    for _field in range(_FIELDS_BEFORE_KEY):
        offset = _content(certificate, offset)[1]
    return certificate[offset : _content(certificate, offset)[1]]


def _content(data: bytes, offset: int) -> tuple[int, int]:
    """Return where the content of the element at offset starts and ends."""
    length = data[offset + 1]
    start = offset + 2
    if length & 0x80:
        size = length & 0x7F
        length = int.from_bytes(data[start : start + size], "big")
        start += size
    return start, start + length
