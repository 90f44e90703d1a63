# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Of which Kubernetes cluster a database of etcd is, by what is written in it (pure).

The uid of the namespace kube-system names one life of a cluster. Its CA outlives that: an API server
that starts on empty data makes a new kube-system, under the same CA.
"""

from __future__ import annotations

import hashlib
import re
from base64 import b64decode
from dataclasses import dataclass

# Bytes in which a key and what is looked for behind it stand.
WINDOW = 16 * 1024
_UUID = re.compile(rb"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----\n([A-Za-z0-9+/=\n]+)-----END CERTIFICATE-----")


def _field(key: bytes) -> bytes:
    """The key as a field of etcd's KeyValue, followed by the tag of the next field."""
    return b"\x0a" + bytes([len(key)]) + key + b"\x10"


_NAMESPACE = _field(b"/registry/namespaces/kube-system")
_ROOT_CA = _field(b"/registry/configmaps/kube-system/kube-root-ca.crt")


@dataclass
class Search:
    """Reads a database piece by piece.

    Attributes:
        uid: of the namespace kube-system, empty where it was not found.
        cas: SHA-256 of the certificates (DER) of the CAs that pods are told to trust.
    """

    uid: str = ""
    cas: tuple[str, ...] = ()
    _tail: bytes = b""

    def feed(self, piece: bytes) -> None:
        """Look into the next piece."""
        if self.uid and self.cas:
            return
        window = self._tail + piece
        self.uid = self.uid or _uid(window)
        self.cas = self.cas or fingerprints(_behind(window, _ROOT_CA))
        self._tail = window[-WINDOW:]


def fingerprints(pem: bytes) -> tuple[str, ...]:
    """SHA-256 of every certificate in PEM text."""
    return tuple(hashlib.sha256(b64decode(body)).hexdigest() for body in _PEM.findall(pem))


def is_same(expected_uid: str, expected_cas: tuple[str, ...], uid: str, cas: tuple[str, ...]) -> bool:
    """Tell whether it is the cluster that is expected; where nothing is expected, any is."""
    if not expected_uid and not expected_cas:
        return True
    return bool(expected_uid and uid == expected_uid) or bool(set(expected_cas) & set(cas))


def _uid(window: bytes) -> str:
    match = _UUID.search(_behind(window, _NAMESPACE)[:2048])
    return match[0].decode("ascii") if match else ""


def _behind(window: bytes, field: bytes) -> bytes:
    at = window.find(field)
    return window[at : at + WINDOW] if at >= 0 else b""
