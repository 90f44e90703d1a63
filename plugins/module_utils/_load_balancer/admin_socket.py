# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asks a running haproxy through its admin socket.

https://docs.haproxy.org/2.6/management.html#9.3
"""

from __future__ import annotations

import socket

from .model import ADMIN_SOCKET

TIMEOUT = 5.0


def ask(command: str, path: str = ADMIN_SOCKET) -> str:
    """The answer to one command; OSError where nobody listens."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(TIMEOUT)
        connection.connect(path)
        connection.sendall(command.encode() + b"\n")
        return b"".join(iter(lambda: connection.recv(65536), b"")).decode("utf-8", "replace")
