# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A client of the API at a steady pace, and its account.

Runs on a node as a program of its own, so it uses nothing but the standard library. It opens a
connection for every request, reads and writes in turn, and never waits for one request to send the
next: an outage of a second costs as many requests as a second has.
"""

from __future__ import annotations

import argparse
import http.client
import json
import signal
import ssl
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from pathlib import Path

LEASES = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases"
NAME = "kubeops-api-probe"
READ, WRITE = "read", "write"
SHOWN_FAILURES = 20
LEASE_SECONDS = 30.0
CONFLICT = 409


@dataclass
class Account:
    """What was asked and answered so far; seconds are wall time.

    longest_outage: from the last answer before a failure to the first after it.
    failures: the first ones, with time and reason.
    """

    started: str
    requests: int = 0
    failed: int = 0
    slowest: float = 0.0
    longest_outage: float = 0.0
    failures: list[dict[str, str]] = field(default_factory=list)
    _answered: float = field(default_factory=time.monotonic, repr=False)
    _failing: bool = False

    def enter(self, kind: str, seconds: float, failure: str) -> None:
        """Count one request; an empty failure is an answer."""
        now = time.monotonic()
        self.requests += 1
        self.slowest = max(self.slowest, round(seconds, 3))
        if self._failing or failure:
            self.longest_outage = max(self.longest_outage, round(now - self._answered, 3))
        self._failing = bool(failure)
        if not failure:
            self._answered = now
            return
        self.failed += 1
        if len(self.failures) < SHOWN_FAILURES:
            self.failures.append({"at": timestamp(), "request": kind, "reason": failure})

    def as_dict(self) -> dict[str, object]:
        """Plain data, without what is only for counting."""
        return {name: value for name, value in asdict(self).items() if not name.startswith("_")}


def continued(path: str) -> Account:
    """The account that is there, after a reboot for instance, or a new one."""
    try:
        return Account(**json.loads(Path(path).read_text(encoding="utf-8")))
    except FileNotFoundError:
        return Account(timestamp())


@dataclass(frozen=True)
class Client:
    """One API endpoint, host:port, asked with a certificate. timeout: seconds for a whole request.

    What is answered later is a failure. A request that hangs ends after a few times that, once for each wait on the
    network.
    """

    server: str
    ca: str
    identity: str
    timeout: float

    def send(self, kind: str) -> str:
        """Send one request; returns why it failed, empty where it was answered."""
        began = time.monotonic()
        try:
            status = self._status(kind)
        except (OSError, http.client.HTTPException) as error:
            return f"{type(error).__name__}: {error}"
        return verdict(status, time.monotonic() - began, self.timeout)

    def make_lease(self, patience: float) -> None:
        """Create what is written to; it may be there from an earlier run. Raises OSError after patience, in seconds."""
        deadline = time.monotonic() + patience
        while problem := self._lease():
            if time.monotonic() > deadline:
                raise OSError(f"the Lease {NAME} cannot be made: {problem}")
            time.sleep(1.0)

    def _lease(self) -> str:
        """Why it is not there, empty where it is."""
        body = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": NAME}, "spec": {}}
        try:
            status = self._request("POST", LEASES, json.dumps(body), "application/json")
        except (OSError, http.client.HTTPException) as error:
            return f"{type(error).__name__}: {error}"
        return "" if status < 400 or status == CONFLICT else f"HTTP {status}"

    def _status(self, kind: str) -> int:
        if kind == READ:
            return self._request("GET", f"{LEASES}/{NAME}")
        body = json.dumps({"spec": {"renewTime": timestamp()}})
        return self._request("PATCH", f"{LEASES}/{NAME}", body, "application/merge-patch+json")

    def _request(self, method: str, path: str, body: str | None = None, kind: str = "") -> int:
        context = ssl.create_default_context(cafile=self.ca)
        context.load_cert_chain(self.identity)
        connection = http.client.HTTPSConnection(self.server, timeout=self.timeout, context=context)
        try:
            connection.request(method, path, body=body, headers={"Content-Type": kind} if kind else {})
            answer = connection.getresponse()
            answer.read()
            return answer.status
        finally:
            connection.close()


def verdict(status: int, seconds: float, timeout: float) -> str:
    """Why an answer is none, empty where it is one."""
    if seconds > timeout:
        return f"answered after {seconds:.1f} s"
    return "" if status < 400 else f"HTTP {status}"


def timestamp() -> str:
    """Now, in UTC, as the API writes it."""
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def run(send: Callable[[str], str], account: Account, rate: float, path: str, stop: threading.Event) -> None:
    """Send at this rate until stop is set, and write the account to path every second."""
    lock, start, number = threading.Lock(), time.monotonic(), 0

    def one(kind: str) -> None:
        began = time.monotonic()
        failure = send(kind)
        with lock:
            account.enter(kind, time.monotonic() - began, failure)

    with ThreadPoolExecutor(max_workers=int(rate * 10)) as pool:
        while not stop.wait(max(0.0, start + number / rate - time.monotonic())):
            pool.submit(one, WRITE if number % 2 else READ)
            number += 1
            if number % int(rate) == 0:
                with lock:
                    write(path, account)
    write(path, account)


def write(path: str, account: Account) -> None:
    """Replace the account; a reader never sees half of it."""
    new = Path(f"{path}.new")
    new.write_text(json.dumps(account.as_dict()), encoding="utf-8")
    new.replace(path)


def main() -> None:
    """Parse arguments and run until stopped."""
    parser = argparse.ArgumentParser()
    for name in ("server", "ca", "identity", "account"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--rate", type=float, default=10.0)
    parser.add_argument("--timeout", type=float, default=5.0)
    options = parser.parse_args()
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    client = Client(options.server, options.ca, options.identity, options.timeout)
    client.make_lease(LEASE_SECONDS)
    run(client.send, continued(options.account), options.rate, options.account, stop)


if __name__ == "__main__":
    main()
