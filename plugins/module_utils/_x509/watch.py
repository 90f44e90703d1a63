# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads an object of the API through its endpoint all the while, as an administrator does, and measures every wait."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .._core import clock, files, http
from .._core.errors import KubeopsError
from .._kubeadm import kubeconfig, paths

INTERVAL = 0.1
TIMEOUT = 5.0
# Without a resourceVersion an object comes out of etcd, by its quorum, and out of no cache:
# https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions
READ = "/api/v1/namespaces/default"


@dataclass
class Watch:
    """Requests at 10 Hz, a new connection each; ask sends one and returns why it failed.

    A request failed when it was refused, reset, answered with anything but 200, by a server whose certificate the
    cluster's CA did not sign, or not answered within five seconds. longest_outage is the longest time between two
    answers in seconds, whether anything failed in between or an answer was slow.
    """

    ask: Callable[[], str]
    requests: int = 0
    failed: int = 0
    longest_outage: float = 0.0
    last_failure: str = ""

    def as_dict(self) -> dict[str, float]:
        """Plain data for results."""
        return {"requests": self.requests, "failed": self.failed, "longest_outage": round(self.longest_outage, 2)}

    def loop(self, stop: threading.Event) -> None:
        """Ask until told to stop."""
        answered = clock.monotonic()
        while not stop.wait(INTERVAL):
            failure = self.ask()
            now = clock.monotonic()
            self.requests += 1
            self.longest_outage = max(self.longest_outage, now - answered)
            if failure:
                self.failed, self.last_failure = self.failed + 1, failure
            else:
                answered = now


@dataclass(frozen=True)
class Reader:
    """Reads one object at this URL, with a certificate and its key in one file."""

    url: str
    identity: str
    ca: str = paths.CA_CERT

    def ask(self) -> str:
        """Why the object did not come; empty where it did."""
        try:
            answer = http.request(
                f"{self.url}{READ}",
                ca_file=self.ca,
                cert_file=self.identity,
                key_file=self.identity,
                timeout=TIMEOUT,
            )
        except KubeopsError as error:
            return error.seen
        return "" if answer.status == 200 else f"HTTP {answer.status}"


@contextmanager
def watching() -> Iterator[Watch]:
    """Watch the API meanwhile through the endpoint of admin.conf, with the identity that it has now.

    That one is good until it ends, whatever is renewed. Where it is over or missing, every request fails: who renews
    without the API asks nothing of it.
    """
    text = files.read_text(paths.ADMIN_CONF) or ""
    Path(paths.RUN).mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=paths.RUN, encoding="ascii") as handle:
        handle.write(kubeconfig.identity(text, paths.ADMIN_CONF).pem)
        handle.flush()
        with _asking(Watch(Reader(kubeconfig.server(text), handle.name).ask)) as watch:
            yield watch


@contextmanager
def _asking(watch: Watch) -> Iterator[Watch]:
    stop = threading.Event()
    thread = threading.Thread(target=watch.loop, args=(stop,), daemon=True)
    thread.start()
    try:
        yield watch
    finally:
        stop.set()
        thread.join()
