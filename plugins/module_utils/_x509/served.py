# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asks a port which certificate it serves. Nothing is verified: expired and wrong ones are to be seen too."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from .._core import http
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
    """Return the certificate that a server shows."""
    try:
        der = http.peer_certificate(endpoint.host, endpoint.port, timeout)
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
