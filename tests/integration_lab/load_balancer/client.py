# SPDX-License-Identifier: GPL-3.0-or-later
"""Clients of an endpoint: one that connects for each request, ten times a second, and one that keeps its connection."""

from __future__ import annotations

import http.client
import ssl
import threading
import time
from dataclasses import dataclass, field


@dataclass
class Client:
    """Use as a context manager; every request is (start in s, seconds it took, who answered or the error)."""

    host: str
    port: int
    interval: float = 0.1
    timeout: float = 10.0
    requests: list[tuple[float, float, str]] = field(default_factory=list)
    failures: list[tuple[float, float, str]] = field(default_factory=list)

    def __enter__(self) -> Client:
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        self._clock = threading.Thread(target=self._tick)
        self._clock.start()
        return self

    def __exit__(self, *__: object) -> None:
        self._stop.set()
        self._clock.join()
        for thread in self._threads:
            thread.join()

    @property
    def slowest(self) -> float:
        """Seconds of the slowest request that was answered."""
        return max((request[1] for request in self.requests), default=0.0)

    @property
    def answered_by(self) -> set[str]:
        """Names of the backends that answered."""
        return {request[2] for request in self.requests}

    def outage(self) -> float:
        """Seconds between the start of the first failed request and the next success after the last."""
        if not self.failures:
            return 0.0
        last = max(started + seconds for started, seconds, __ in self.failures)
        after = min((started + s for started, s, __ in self.requests if started + s > last), default=last)
        return after - min(failure[0] for failure in self.failures)

    def _tick(self) -> None:
        while not self._stop.wait(self.interval):
            thread = threading.Thread(target=self._request)
            thread.start()
            self._threads.append(thread)

    def _request(self) -> None:
        started = time.monotonic()
        try:
            answer = ask(self.host, self.port, self.timeout)
            self.requests.append((started, time.monotonic() - started, answer))
        except (OSError, http.client.HTTPException) as error:
            self.failures.append((started, time.monotonic() - started, repr(error)))


class KeptConnection:
    """One TLS connection on which a request goes out ten times a second. Use as a context manager."""

    def __init__(self, host: str, port: int) -> None:
        self.answers = 0
        self.failure = ""
        self.backend = ""
        self._connection = connect(host, port, timeout=10.0)
        # A lost connection must not be opened again behind our back.
        self._connection.auto_open = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._loop)

    def __enter__(self) -> KeptConnection:
        self._connection.connect()
        self.backend = get(self._connection)
        self._thread.start()
        return self

    def __exit__(self, *__: object) -> None:
        self._stop.set()
        self._thread.join()
        self._connection.close()

    def _loop(self) -> None:
        try:
            while not self._stop.wait(0.1):
                get(self._connection)
                self.answers += 1
        except (OSError, http.client.HTTPException) as error:
            self.failure = repr(error)


def connect(host: str, port: int, timeout: float) -> http.client.HTTPSConnection:
    """Over TLS to whoever answers: whose certificate it is does not matter here."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return http.client.HTTPSConnection(host, port, timeout=timeout, context=context)


def get(connection: http.client.HTTPSConnection) -> str:
    """GET /readyz; the body names the backend."""
    connection.request("GET", "/readyz")
    answer = connection.getresponse()
    body = answer.read().decode()
    if answer.status != 200:
        raise OSError(f"HTTP {answer.status}")
    return body


def ask(host: str, port: int, timeout: float = 5.0) -> str:
    """GET /readyz on a connection of its own."""
    connection = connect(host, port, timeout)
    try:
        return get(connection)
    finally:
        connection.close()
