# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asks a port which certificate it serves. Nothing is verified: expired and wrong ones are to be seen too."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from . import load
from .estate import Endpoint
from .model import Certificate, Unreadable

TIMEOUT = 3.0
THREADS = 16


@dataclass(frozen=True)
class Served:
    """What a port answered; ``failure`` where no certificate came."""

    endpoint: Endpoint
    certificate: Certificate | None = None
    failure: str = ""

    @property
    def serial(self) -> str:
        """Empty where no certificate came."""
        return self.certificate.serial if self.certificate else ""


def served(endpoint: Endpoint, timeout: float = TIMEOUT) -> Served:
    """Shake hands as a client without a certificate and return what the server shows.

    With TLS 1.3 the server's certificate is seen before it refuses a client that has none.
    """
    try:
        der = _certificate_of(endpoint, timeout)
    except (OSError, ValueError) as error:
        return Served(endpoint, failure=f"{type(error).__name__}: {error}"[:200])
    try:
        return Served(endpoint, load.certificates(der)[0])
    except Unreadable as error:
        return Served(endpoint, failure=str(error))


def all_served(endpoints: Iterable[Endpoint], timeout: float = TIMEOUT) -> Mapping[Endpoint, Served]:
    """Ask many at once."""
    wanted = list(dict.fromkeys(endpoints))
    with ThreadPoolExecutor(max_workers=THREADS) as pool:
        return dict(zip(wanted, pool.map(lambda endpoint: served(endpoint, timeout), wanted)))


def _certificate_of(endpoint: Endpoint, timeout: float) -> bytes:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    address = (endpoint.host, endpoint.port)
    with socket.create_connection(address, timeout) as plain, context.wrap_socket(plain) as tls:
        return tls.getpeercert(binary_form=True) or b""
