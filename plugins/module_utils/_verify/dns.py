# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A DNS query for one address: enough to know that a resolver answers. Pure but for ask().

https://www.rfc-editor.org/rfc/rfc1035#section-4
"""

from __future__ import annotations

import secrets
import socket
import struct

PORT = 53
TYPES = {"A": 1, "AAAA": 28}
CLASS_IN = 1
RECURSION_DESIRED = 0x0100
RESPONSE = 0x8000
CODES = {0: "NOERROR", 1: "FORMERR", 2: "SERVFAIL", 3: "NXDOMAIN", 5: "REFUSED"}


def query(name: str, number: int, kind: str = "A") -> bytes:
    """The packet that asks for a name; number identifies the answer."""
    labels = b"".join(bytes([len(label)]) + label.encode("ascii") for label in name.rstrip(".").split("."))
    header = struct.pack("!6H", number, RECURSION_DESIRED, 1, 0, 0, 0)
    return header + labels + b"\0" + struct.pack("!2H", TYPES[kind], CLASS_IN)


def verdict(packet: bytes, number: int) -> str:
    """Empty where the packet answers query `number` with at least one record, else what is wrong."""
    if len(packet) < 12:
        return f"an answer of {len(packet)} bytes"
    answered, flags, __, answers = struct.unpack("!4H", packet[:8])
    if answered != number or not flags & RESPONSE:
        return "an answer to another question"
    code = flags & 0x000F
    if code:
        return CODES.get(code, f"code {code}")
    return "" if answers else "no record"


def ask(server: str, name: str, timeout: float = 2.0, attempts: int = 3) -> str:
    """Empty where the server knows the name, else what happened at the last attempt."""
    family = socket.AF_INET6 if ":" in server else socket.AF_INET
    seen = ""
    for __ in range(attempts):
        number = secrets.randbelow(65536)
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as connection:
                connection.settimeout(timeout)
                connection.connect((server, PORT))
                connection.send(query(name, number, "AAAA" if family == socket.AF_INET6 else "A"))
                seen = verdict(connection.recv(4096), number)
        except OSError as error:
            seen = f"{type(error).__name__}: {error}"
        if not seen:
            return ""
    return seen
