# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HTTPS requests over the standard library, with client certificates and a fixed server name."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import IO, Any
from urllib.parse import SplitResult, unquote, urlsplit

from .errors import KubeopsError

# A URL whose host is the percent-encoded path of a socket.
SOCKET_SCHEME = "http+unix"


@dataclass(frozen=True)
class Upload:
    """A body that is read from a file while it is sent. size is in bytes."""

    file: IO[bytes]
    size: int


@dataclass(frozen=True)
class Response:
    """status is the HTTP code; header names are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        """The body as UTF-8."""
        return self.body.decode("utf-8", "replace")


def request(
    url: str,
    *,
    method: str = "GET",
    body: bytes | str | Upload | None = None,
    headers: Mapping[str, str] | None = None,
    ca_file: str | None = None,
    cert_file: str | None = None,
    key_file: str | None = None,
    server_name: str | None = None,
    timeout: float = 5.0,
    insecure: bool = False,
) -> Response:
    """One request on one connection; proxies of the environment are not used.

    server_name: name the server's certificate is verified for, where it differs from
    the url's host. timeout: seconds for each network operation. insecure: do not
    verify the certificate. Any HTTP status is a Response; KubeopsError is raised when
    no answer came.
    """
    parts = urlsplit(url)
    sent = dict(headers or {})
    payload: bytes | IO[bytes] | None = body.encode("utf-8") if isinstance(body, str) else None
    if isinstance(body, Upload):
        sent["Content-Length"], payload = str(body.size), body.file
    elif isinstance(body, bytes):
        payload = body
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    try:
        context = tls_context(ca_file, cert_file, key_file, insecure)
        connection = _connection(parts, context, server_name, timeout)
        try:
            connection.connect()
            # A server that refuses an upload before its end has said why.
            with suppress(BrokenPipeError, ConnectionResetError):
                connection.request(method, target or "/", body=payload, headers=sent)
            answer = connection.getresponse()
            answered = {name.lower(): value for name, value in answer.getheaders()}
            return Response(answer.status, answered, answer.read())
        finally:
            connection.close()
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise KubeopsError(f"no answer from {url}", seen=f"{type(error).__name__}: {error}") from error


def peer_certificate(host: str, port: int, timeout: float) -> bytes:
    """Shake hands as a client without a certificate and return what the server shows, as DER; verifies nothing.

    A host's name is sent along, since a server of many names chooses by it. With TLS 1.3 the server's certificate is
    seen before it refuses a client that has none. Raises OSError, and ValueError for what is no host.
    """
    context = tls_context(None, None, None, insecure=True)
    plain = socket.create_connection((host, port), timeout)
    with plain, context.wrap_socket(plain, server_hostname=host or None) as tls:
        return tls.getpeercert(binary_form=True) or b""


@contextmanager
def open_stream(
    url: str,
    body: str,
    *,
    ca_file: str | None = None,
    cert_file: str | None = None,
    key_file: str | None = None,
    timeout: float = 60.0,
) -> Iterator[http.client.HTTPResponse]:
    """POST and hand out the answer to be read piece by piece; see request for the options.

    Raises KubeopsError when the connection fails or breaks, also while it is read.
    """
    parts = urlsplit(url)
    try:
        connection = _connection(parts, tls_context(ca_file, cert_file, key_file, False), None, timeout)
        try:
            connection.request("POST", parts.path, body=body)
            yield connection.getresponse()
        finally:
            connection.close()
    except (ssl.SSLError, ConnectionError, TimeoutError, socket.gaierror, http.client.HTTPException) as error:
        raise KubeopsError(f"the answer from {url} broke off", seen=f"{type(error).__name__}: {error}") from error


def get_json(url: str, **options: Any) -> Any:
    """GET (or what options say, see request) and decode; raises KubeopsError unless 2xx JSON."""
    response = request(url, **options)
    if not 200 <= response.status < 300:
        raise KubeopsError(
            f"{url} answered with HTTP {response.status}",
            seen=response.text[:500],
            details={"status": response.status},
        )
    try:
        return json.loads(response.body)
    except ValueError as error:
        raise KubeopsError(f"{url} did not answer with JSON", seen=response.text[:500]) from error


class _NamedHTTPSConnection(http.client.HTTPSConnection):
    """Connects to one host and verifies the certificate for another name."""

    def __init__(
        self,
        host: str,
        port: int | None,
        timeout: float,
        context: ssl.SSLContext,
        server_name: str,
    ) -> None:
        super().__init__(host, port, timeout=timeout, context=context)
        self._tls = context
        self._server_name = server_name

    def connect(self) -> None:
        plain = socket.create_connection((self.host, self.port), self.timeout)
        try:
            self.sock = self._tls.wrap_socket(plain, server_hostname=self._server_name)
        except BaseException:
            plain.close()
            raise


def open_socket(parts: SplitResult, timeout: float | None) -> socket.socket:
    """Connect to the Unix socket that a URL of SOCKET_SCHEME names."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(timeout)
    connection.connect(unquote(parts.netloc))
    return connection


class _SocketConnection(http.client.HTTPConnection):
    """Speaks HTTP over a Unix socket."""

    def __init__(self, parts: SplitResult, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._parts = parts

    def connect(self) -> None:
        self.sock = open_socket(self._parts, self.timeout)


def _connection(
    parts: SplitResult, context: ssl.SSLContext, server_name: str | None, timeout: float
) -> http.client.HTTPConnection:
    if parts.scheme == SOCKET_SCHEME:
        return _SocketConnection(parts, timeout)
    host = parts.hostname or ""
    if parts.scheme == "http":
        return http.client.HTTPConnection(host, parts.port, timeout=timeout)
    return _NamedHTTPSConnection(host, parts.port, timeout, context, server_name or host)


def tls_context(ca_file: str | None, cert_file: str | None, key_file: str | None, insecure: bool) -> ssl.SSLContext:
    """Return a context that verifies the server and shows the client's certificate; files are PEM."""
    if insecure:
        # Not the default context: that one reads all CAs of the system first, which takes longer than the handshake.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    else:
        context = ssl.create_default_context(cafile=ca_file)
    if cert_file:
        context.load_cert_chain(cert_file, key_file)
    return context
