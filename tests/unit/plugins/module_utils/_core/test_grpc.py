# SPDX-License-Identifier: GPL-3.0-or-later
"""Frames, messages and fields, as bytes that came off the wire."""

from __future__ import annotations

import socket
import threading

import pytest
from ansible_collections.kubeops.cluster.plugins.module_utils._core import grpc
from ansible_collections.kubeops.cluster.plugins.module_utils._core.errors import KubeopsError

TLS = {"ca_file": "", "cert_file": "", "key_file": "", "timeout": 5.0}


def frame(kind: int, flags: int, payload: bytes, stream: int = 1) -> bytes:
    """One frame of HTTP/2."""
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def message(content: bytes) -> bytes:
    """One message of gRPC, not compressed."""
    return b"\0" + len(content).to_bytes(4, "big") + content


def answered(*pieces: bytes) -> list[bytes]:
    """Call a server that sends these pieces whatever it is asked."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, __ = server.accept()
            with connection:
                connection.recv(65536)
                for piece in pieces:
                    connection.sendall(piece)
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(65536):
                    pass

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            return list(grpc.stream(f"http://127.0.0.1:{server.getsockname()[1]}", "/s/M", **TLS))
        finally:
            thread.join()


SETTINGS, HEADERS = frame(4, 0, b"", 0), frame(1, 4, b"\x88")
END = frame(1, 5, b"\x88")


@pytest.mark.parametrize(
    "pieces",
    [
        (SETTINGS + HEADERS + frame(0, 0, message(b"one") + message(b"two")) + END,),
        (SETTINGS, HEADERS, frame(0, 0, message(b"one")[:3]), frame(0, 0, message(b"one")[3:] + message(b"two")), END),
        (SETTINGS, frame(6, 0, b"12345678", 0), HEADERS, frame(0, 8, b"\2" + message(b"one") + b"\0\0"),
         frame(0, 1, message(b"two"))),
        tuple(bytes([byte]) for byte in SETTINGS + HEADERS + frame(0, 0, message(b"one") + message(b"two")) + END),
    ],
    ids=["at once", "a message over two frames", "ping and padding", "byte by byte"],
)  # fmt: skip
def test_messages(pieces: tuple[bytes, ...]) -> None:
    assert answered(*pieces) == [b"one", b"two"]


def test_a_large_message_over_many_frames() -> None:
    large = bytes(range(256)) * 20_000
    whole = message(large)
    frames = [frame(0, 0, whole[at : at + 16384]) for at in range(0, len(whole), 16384)]
    assert answered(SETTINGS, *frames, END) == [large]


@pytest.mark.parametrize(
    ("pieces", "kind"),
    [
        ((b"HTTP/1.1 400 Bad Request\r\n\r\n",), grpc.NotSpokenError),
        ((SETTINGS, END), grpc.NotSpokenError),
        ((SETTINGS, HEADERS, frame(3, 0, b"\0\0\0\2")), grpc.NotSpokenError),
        ((SETTINGS, HEADERS, frame(0, 0, message(b"one"))), KubeopsError),
        ((SETTINGS, HEADERS, frame(0, 0, message(b"one")), frame(7, 0, b"\0" * 8, 0)), KubeopsError),
    ],
    ids=["HTTP/1", "a refusal", "a reset", "broken off", "shut down"],
)
def test_what_is_no_whole_answer(pieces: tuple[bytes, ...], kind: type[KubeopsError]) -> None:
    with pytest.raises(kind) as raised:
        answered(*pieces)
    assert isinstance(raised.value, grpc.NotSpokenError) is (kind is grpc.NotSpokenError)


@pytest.mark.parametrize("value", [0, 1, 127, 128, 300, 2**63 - 1])
def test_numbers(value: int) -> None:
    written = grpc.with_number(3, value) + b"\x12\x02ab"
    assert grpc.number(written, 3) == value
    assert grpc.field(written, 2) == b"ab"
    assert grpc.field(written, 3) == b"" and grpc.number(written, 2) == 0
    assert grpc.repeated(written + b"\x12\x01c", 2) == [b"ab", b"c"] and grpc.repeated(written, 3) == []
