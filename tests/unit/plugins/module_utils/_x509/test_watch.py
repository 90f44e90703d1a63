# SPDX-License-Identifier: GPL-3.0-or-later
"""What the watch over the API counts: failures, and every wait between two answers."""

from __future__ import annotations

import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from ansible_collections.kubeops.cluster.plugins.module_utils._core import clock
from ansible_collections.kubeops.cluster.plugins.module_utils._x509 import issue, watch

NOW = datetime.now(timezone.utc) - timedelta(minutes=1)
KIND = "ecdsa-p256"


class Script(threading.Event):
    """Requests that take so many seconds and fail or not, on a clock of its own."""

    def __init__(self, requests: list[tuple[float, str]]) -> None:
        super().__init__()
        self.now, self.left = 0.0, list(requests)

    def wait(self, timeout: float | None = None) -> bool:
        self.now += timeout or 0.0
        return not self.left

    def ask(self) -> str:
        seconds, failure = self.left.pop(0)
        self.now += seconds
        return failure


@pytest.mark.parametrize(
    ("requests", "failed", "longest"),
    [
        ([(0.1, "")] * 3, 0, 0.2),
        ([(0.1, ""), (4.9, ""), (0.1, "")], 0, 5.0),
        ([(0.1, ""), (0.0, "refused"), (0.0, "refused"), (0.1, "")], 2, 0.4),
        ([(0.1, ""), (5.0, "no answer")], 1, 5.1),
        ([(0.0, "HTTP 401")] * 20, 20, 2.0),
    ],
    ids=["a good API", "one slow answer", "two refused", "silent at the end", "never an answer"],
)
def test_every_wait_counts(
    monkeypatch: pytest.MonkeyPatch, requests: list[tuple[float, str]], failed: int, longest: float
) -> None:
    script = Script(requests)
    monkeypatch.setattr(clock, "monotonic", lambda: script.now)
    seen = watch.Watch(script.ask)
    seen.loop(script)
    assert (seen.requests, seen.failed) == (len(requests), failed)
    assert seen.longest_outage == pytest.approx(longest)


class Server(ThreadingHTTPServer):
    """Without a look-up of its own name."""

    def server_bind(self) -> None:
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = "127.0.0.1", self.server_address[1]


class Answer(BaseHTTPRequestHandler):
    status = 200

    def do_GET(self) -> None:
        self.send_response(self.status if self.path == watch.READ else 404)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def authority(path: Path) -> tuple[bytes, bytes]:
    key = issue.make_key(KIND)
    pem = issue.make_ca(key, "kubernetes", NOW, timedelta(days=1))
    path.write_bytes(pem)
    return pem, key


@contextmanager
def serving(directory: Path, ca: tuple[bytes, bytes], status: int) -> Iterator[str]:
    leaf = issue.Leaf("kube-apiserver", (), (), ("127.0.0.1",), (issue.SERVER,))
    key, pem = issue.issue(leaf, ca[0], ca[1], NOW, timedelta(days=1), KIND)
    (directory / "server.pem").write_bytes(pem + key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(directory / "server.pem")
    server = Server(("127.0.0.1", 0), type("Handler", (Answer,), {"status": status}))
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"https://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(("status", "failure"), [(200, ""), (401, "HTTP 401"), (429, "HTTP 429"), (500, "HTTP 500")])
def test_only_the_object_itself_is_an_answer(tmp_path: Path, status: int, failure: str) -> None:
    ca = authority(tmp_path / "ca.crt")
    with serving(tmp_path, ca, status) as url:
        assert watch.Reader(url, str(tmp_path / "server.pem"), str(tmp_path / "ca.crt")).ask() == failure


def test_a_server_that_another_ca_signed_is_no_answer(tmp_path: Path) -> None:
    ca = authority(tmp_path / "ca.crt")
    authority(tmp_path / "other.crt")
    with serving(tmp_path, ca, 200) as url:
        failure = watch.Reader(url, str(tmp_path / "server.pem"), str(tmp_path / "other.crt")).ask()
    assert "CERTIFICATE_VERIFY_FAILED" in failure


def test_nobody_there_is_no_answer(tmp_path: Path) -> None:
    ca = authority(tmp_path / "ca.crt")
    with serving(tmp_path, ca, 200) as url:
        pass
    assert "refused" in watch.Reader(url, str(tmp_path / "server.pem"), str(tmp_path / "ca.crt")).ask()
