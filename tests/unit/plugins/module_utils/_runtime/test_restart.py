# SPDX-License-Identifier: GPL-3.0-or-later
"""Sockets behind which a CRI answers, or not."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

import pytest
from ansible_collections.kubeops.cluster.plugins.module_utils._runtime.restart import cri_answers

SETTINGS = b"\0\0\0\4\0\0\0\0\0"
VERSION = b"\x0a\x05" + b"0.1.0"
MESSAGE = b"\0" + len(VERSION).to_bytes(4, "big") + VERSION
DATA = len(MESSAGE).to_bytes(3, "big") + b"\0\0\0\0\0\1" + MESSAGE
# Trailers alone, without a message: the service is not there (the CRI plugin of containerd is switched off).
UNIMPLEMENTED = b"\0\0\0\1\5\0\0\0\1"


def test_no_socket(tmp_path: Path) -> None:
    assert not cri_answers(str(tmp_path / "none.sock"))


@pytest.mark.parametrize(
    ("answer", "expected"),
    [(SETTINGS + DATA, True), (SETTINGS + UNIMPLEMENTED, False), (b"", False)],
    ids=["the version", "a runtime without its CRI", "a connection that is closed"],
)
def test_answers(tmp_path: Path, answer: bytes, expected: bool) -> None:
    path = str(tmp_path / "cri.sock")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as server:
        server.bind(path)
        server.listen()

        def serve() -> None:
            connection, __ = server.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(answer)
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(4096):
                    pass

        thread = threading.Thread(target=serve)
        thread.start()
        assert cri_answers(path) is expected
        thread.join()
