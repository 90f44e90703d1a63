# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asks the API through its endpoint all the while, and counts what was not answered."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from .._core import clock, http
from .._core.errors import KubeopsError

INTERVAL = 0.1
TIMEOUT = 5.0


@dataclass
class Watch:
    """Requests at 10 Hz, a new connection each.

    A request failed when it was refused, reset, answered with 5xx, or not answered
    within five seconds. longest_outage is in seconds, from the last answer on.
    """

    url: str
    requests: int = 0
    failed: int = 0
    longest_outage: float = 0.0

    def as_dict(self) -> dict[str, float]:
        """Plain data for results."""
        return {"requests": self.requests, "failed": self.failed, "longest_outage": round(self.longest_outage, 2)}

    def loop(self, stop: threading.Event) -> None:
        """Ask until told to stop."""
        answered = clock.monotonic()
        while not stop.wait(INTERVAL):
            self.requests += 1
            if self._answers():
                answered = clock.monotonic()
            else:
                self.failed += 1
                self.longest_outage = max(self.longest_outage, clock.monotonic() - answered)

    def _answers(self) -> bool:
        try:
            return http.request(f"{self.url}/version", insecure=True, timeout=TIMEOUT).status < 500
        except KubeopsError:
            return False


@contextmanager
def watching(url: str) -> Iterator[Watch]:
    """Watch the API at this URL meanwhile."""
    watch, stop = Watch(url), threading.Event()
    thread = threading.Thread(target=watch.loop, args=(stop,), daemon=True)
    thread.start()
    try:
        yield watch
    finally:
        stop.set()
        thread.join()
