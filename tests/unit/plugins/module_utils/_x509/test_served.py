# SPDX-License-Identifier: GPL-3.0-or-later
"""A place that serves TLS is asked by its name, and judged by it."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from ansible_collections.kubeops.cluster.plugins.module_utils._x509 import check, issue

NOW = datetime.now(timezone.utc).replace(microsecond=0)
KIND = "ecdsa-p256"
CA_KEY = issue.make_key(KIND)
CA = issue.make_ca(CA_KEY, "company", NOW, timedelta(days=400))


def context(path: Path, name: str) -> ssl.SSLContext:
    leaf = issue.Leaf(name, (), (name,), (), (issue.SERVER,))
    key, certificate = issue.issue(leaf, CA, CA_KEY, NOW, timedelta(days=300), KIND)
    path.write_bytes(certificate + key)
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(path)
    return made


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    """A server that has a certificate for localhost where that is asked for, and another one for the rest."""
    other, named = context(tmp_path / "other.pem", "other.example"), context(tmp_path / "named.pem", "localhost")

    def choose(connection: ssl.SSLObject, name: str | None, __: ssl.SSLContext) -> None:
        connection.context = named if name == "localhost" else other

    other.sni_callback = choose
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with suppress(OSError):
                while True:
                    plain, __ = server.accept()
                    with suppress(OSError), other.wrap_socket(plain, server_side=True):
                        pass

        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize(
    ("host", "verdict", "reasons"),
    [("localhost", "ok", []), ("127.0.0.1", "broken", ["it lacks the names 127.0.0.1"])],
)
def test_an_endpoint_is_asked_and_judged_by_its_name(port: int, host: str, verdict: str, reasons: list[str]) -> None:
    options = {
        "warning": "30d,10%",
        "ca_warning": "365d,10%",
        "critical": "7d,3%",
        "groups": [],
        "paths": [],
        "api_server_names": [],
        "node_addresses": [],
    }
    asked = {
        "endpoints": [f"{host}:{port}"],
        "served": True,
        "timeout": 5.0,
        "reference_time": 0.0,
        "max_clock_offset": 60.0,
    }
    rows = check.check({**options, **asked}, NOW)["certificates"]
    (row,) = [row for row in rows if row["path"] == f"{host}:{port}"]
    assert (row["verdict"], [reason["message"] for reason in row["reasons"]]) == (verdict, reasons)
    assert row["certificate"]["common_name"] == ("localhost" if verdict == "ok" else "other.example")
