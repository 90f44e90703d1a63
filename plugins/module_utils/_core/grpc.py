# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One call of gRPC, to etcd or to a container runtime: as much of HTTP/2 as etcd's snapshot needs.

etcd's gateway sends the same bytes as base64 in JSON, which costs etcd and the reader several times the processor time.
https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md, RFC 9113 (HTTP/2), RFC 7541 (HPACK).
"""

from __future__ import annotations

import socket
import ssl
import struct
from collections.abc import Iterator
from urllib.parse import urlsplit

from . import http
from .errors import KubeopsError

DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE = 0, 1, 3, 4, 6, 7, 8
END_STREAM, ACK, END_HEADERS, PADDED = 1, 1, 4, 8
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
STREAM = 1
# TCP holds the sender back; the windows of HTTP/2 only must not. They are opened again after each half.
WINDOW = 2**31 - 1
FIRST_WINDOW = 65535
MAX_FRAME = 2**20
_SETTING_PUSH, _SETTING_WINDOW, _SETTING_FRAME = 2, 4, 5
_HEAD = struct.Struct(">BHBBI")  # length (24 bits as 8 + 16), type, flags, stream
_SETTING = struct.Struct(">HI")
_NUMBER = struct.Struct(">I")
_MESSAGE = struct.Struct(">BI")  # compressed or not, length
_RECEIVE = 2**18


class NotSpokenError(KubeopsError):
    """The other side does not speak gRPC here, or refused the call without a word that is understood."""


def stream(
    url: str,
    method: str,
    request: bytes = b"",
    *,
    ca_file: str = "",
    cert_file: str = "",
    key_file: str = "",
    timeout: float,
) -> Iterator[bytes]:
    """Call a method (``/package.Service/Name``) with one message and yield every message of the answer.

    timeout: seconds of silence. Raises NotSpokenError where not one message came, KubeopsError where the connection
    breaks later. The status at the end is not read (it is compressed): whoever calls has to know a whole answer
    from a part of one.
    """
    arrived = False
    try:
        connection = _connect(url, ca_file, cert_file, key_file, timeout)
        with connection:
            connection.sendall(_opening(_authority(url), method, request))
            for message in _messages(_frames(connection)):
                arrived = True
                yield message
    except (OSError, ValueError) as error:
        kind = KubeopsError if arrived else NotSpokenError
        raise kind(f"the answer from {url} broke off", seen=f"{type(error).__name__}: {error}") from error
    if not arrived:
        raise NotSpokenError(f"{url} did not answer {method}")


def _connect(url: str, ca_file: str, cert_file: str, key_file: str, timeout: float) -> socket.socket:
    parts = urlsplit(url)
    if parts.scheme == http.SOCKET_SCHEME:
        return http.open_socket(parts, timeout)
    plain = socket.create_connection((parts.hostname or "", parts.port or 2379), timeout)
    if parts.scheme == "http":
        return plain
    try:
        context = http.tls_context(ca_file, cert_file, key_file, False)
        context.set_alpn_protocols(["h2"])
        secured = context.wrap_socket(plain, server_hostname=parts.hostname)
    except BaseException:
        plain.close()
        raise
    if secured.selected_alpn_protocol() != "h2":
        secured.close()
        raise ssl.SSLError(f"{url} does not speak HTTP/2")
    return secured


def _authority(url: str) -> str:
    """What clients of gRPC call a server behind a socket is localhost."""
    parts = urlsplit(url)
    return "localhost" if parts.scheme == http.SOCKET_SCHEME else parts.netloc


def _opening(authority: str, method: str, request: bytes) -> bytes:
    settings = b"".join(
        _SETTING.pack(*pair) for pair in ((_SETTING_PUSH, 0), (_SETTING_WINDOW, WINDOW), (_SETTING_FRAME, MAX_FRAME))
    )
    headers = (
        (b":method", b"POST"),
        (b":scheme", b"https"),
        (b":path", method.encode()),
        (b":authority", authority.encode()),
        (b"content-type", b"application/grpc"),
        (b"te", b"trailers"),
    )
    return b"".join(
        (
            PREFACE,
            _frame(SETTINGS, 0, 0, settings),
            _frame(WINDOW_UPDATE, 0, 0, _NUMBER.pack(WINDOW - FIRST_WINDOW)),
            _frame(HEADERS, END_HEADERS, STREAM, b"".join(_header(*header) for header in headers)),
            _frame(DATA, END_STREAM, STREAM, _MESSAGE.pack(0, len(request)) + request),
        )
    )


def _frame(kind: int, flags: int, stream_id: int, payload: bytes) -> bytes:
    return _HEAD.pack(len(payload) >> 16, len(payload) & 0xFFFF, kind, flags, stream_id) + payload


def _header(name: bytes, value: bytes) -> bytes:
    """A literal header that enters no table and is not compressed (RFC 7541, 6.2.2)."""
    return b"\0" + _length(len(name)) + name + _length(len(value)) + value


def _length(number: int) -> bytes:
    if number < 127:
        return bytes([number])
    number -= 127
    digits = bytearray([127])
    while number >= 128:
        digits.append(number % 128 + 128)
        number //= 128
    return bytes([*digits, number])


def _frames(connection: socket.socket) -> Iterator[memoryview]:
    """Yield the payload of every DATA frame, valid until the next one; answers what has to be answered."""
    buffer = bytearray(MAX_FRAME + _RECEIVE)
    view = memoryview(buffer)
    start = end = credit = 0
    while True:
        while end - start < _HEAD.size or end - start < _size(buffer, start):
            if len(buffer) - start < MAX_FRAME // 2 or start == end:
                view[: end - start] = view[start:end]
                start, end = 0, end - start
            received = connection.recv_into(view[end:])
            if not received:
                raise ConnectionError("the connection was closed in the middle")
            end += received
        __, __, kind, flags, __ = _HEAD.unpack_from(buffer, start)
        size = _size(buffer, start)
        payload = view[start + _HEAD.size : start + size]
        start += size
        if kind == DATA:
            yield payload[1 : len(payload) - payload[0]] if flags & PADDED else payload
            credit += len(payload)
            if credit > WINDOW // 2:
                update = _NUMBER.pack(credit)
                connection.sendall(_frame(WINDOW_UPDATE, 0, 0, update) + _frame(WINDOW_UPDATE, 0, STREAM, update))
                credit = 0
        elif kind in (SETTINGS, PING) and not flags & ACK:
            connection.sendall(_frame(kind, ACK, 0, bytes(payload) if kind == PING else b""))
        elif kind in (RST_STREAM, GOAWAY):
            raise ConnectionError("the server ended the call")
        if kind in (DATA, HEADERS) and flags & END_STREAM:
            return


def _size(buffer: bytearray, start: int) -> int:
    """Bytes of the frame that begins at start, its head included."""
    return (buffer[start] << 16 | buffer[start + 1] << 8 | buffer[start + 2]) + _HEAD.size


def _messages(frames: Iterator[memoryview]) -> Iterator[bytes]:
    pending = bytearray()
    for frame in frames:
        pending += frame
        while len(pending) >= _MESSAGE.size:
            compressed, size = _MESSAGE.unpack_from(pending)
            if compressed:
                raise ValueError("a compressed message, which was not asked for")
            if len(pending) < _MESSAGE.size + size:
                break
            yield bytes(memoryview(pending)[_MESSAGE.size : _MESSAGE.size + size])
            del pending[: _MESSAGE.size + size]


def field(message: bytes, wanted: int) -> bytes:
    """Return a field of bytes of a protobuf message, empty where it is not there."""
    return next(iter(repeated(message, wanted)), b"")


def repeated(message: bytes, wanted: int) -> list[bytes]:
    """Return every field of bytes of this number."""
    return [value for number, value in _fields(message) if number == wanted and isinstance(value, bytes)]


def number(message: bytes, wanted: int) -> int:
    """Return a number of a protobuf message, 0 where it is not there."""
    return next((value for at, value in _fields(message) if at == wanted and isinstance(value, int)), 0)


def with_number(at: int, value: int) -> bytes:
    """Return a protobuf message with one number."""
    digits = bytearray([at << 3])
    while value >= 128:
        digits.append(value % 128 + 128)
        value //= 128
    return bytes([*digits, value])


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Number and value of each field; https://protobuf.dev/programming-guides/encoding/"""
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        value, at = _varint(message, at)
        if tag & 7 == 0:
            yield tag >> 3, value
        elif tag & 7 == 2:
            yield tag >> 3, message[at : at + value]
            at += value
        else:
            raise ValueError(f"a field of kind {tag & 7}, which this message does not have")


def _varint(message: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        byte = message[at]
        number |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return number, at
