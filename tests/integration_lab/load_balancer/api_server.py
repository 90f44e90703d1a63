# SPDX-License-Identifier: GPL-3.0-or-later
"""Stands for an API server on a node: answers every path over TLS with the node's name, on connections kept open.

Usage: api_server.py PORT CERTIFICATE KEY
"""

from __future__ import annotations

import http.server
import os
import ssl
import sys


class Handler(http.server.BaseHTTPRequestHandler):
    """Keeps connections open, as an API server does."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        body = os.uname().nodename.encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Says nothing."""


def main() -> None:
    port, certificate, key = sys.argv[1:]
    server = http.server.ThreadingHTTPServer(("0.0.0.0", int(port)), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    # The handshake is for the thread of the connection: a silent client holds nobody up.
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    server.serve_forever()


if __name__ == "__main__":
    main()
