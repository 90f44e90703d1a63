# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""keepalived runs this file by itself: may this node hold the virtual address? (exit code 0: yes)

Usage: check-kube-apiserver PORT [PEER ...]

No when haproxy does not answer on its admin socket. No when haproxy sees no API server
while a peer's load balancer reaches one. Yes otherwise: with no API server anywhere (as
before kubeadm init) the address has to be somewhere, and here is as good as elsewhere.
"""

from __future__ import annotations

import socket
import sys

ADMIN_SOCKET = "/run/kubeops-haproxy.sock"
BACKEND = "kube-apiserver"
TIMEOUT = 1.0


def ask(command: str, path: str = ADMIN_SOCKET) -> str:
    """Answer of haproxy's admin socket to one command; OSError where nobody listens."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(TIMEOUT)
        connection.connect(path)
        connection.sendall(command.encode() + b"\n")
        chunks = iter(lambda: connection.recv(65536), b"")
        return b"".join(chunks).decode("utf-8", "replace")


def backend_is_up(statistics: str) -> bool:
    """Read the BACKEND row of `show stat` (CSV, names in the first line)."""
    lines = statistics.strip().splitlines()
    names = lines[0].lstrip("# ").split(",") if lines else []
    for line in lines[1:]:
        row = dict(zip(names, line.split(",")))
        if row.get("pxname") == BACKEND and row.get("svname") == "BACKEND":
            return row.get("status") == "UP"
    return False


def serves(address: str, port: int) -> bool:
    """Whether an API server answers ready through the load balancer at this address."""
    import http.client  # noqa: PLC0415 - this runs every second, and only trouble needs it
    import ssl  # noqa: PLC0415

    context = ssl.create_default_context()
    # Availability is asked for, not identity: no answer is used for anything else.
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    connection = http.client.HTTPSConnection(address, port, timeout=TIMEOUT, context=context)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def may_hold(port: int, peers: list[str]) -> bool:
    """The decision; see the top of the file."""
    try:
        statistics = ask("show stat")
    except OSError:
        return False
    return backend_is_up(statistics) or not any(serves(peer, port) for peer in peers)


if __name__ == "__main__":
    sys.exit(0 if may_hold(int(sys.argv[1]), sys.argv[2:]) else 1)
