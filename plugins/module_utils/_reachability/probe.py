# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tries peers, names and sources from this node, all at once; reports, and judges nothing."""

from __future__ import annotations

import errno
import socket
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

THREADS = 64
DEFAULT_PORTS = {"http": 80, "https": 443}

OPEN = "open"
REFUSED = "refused"  # the host answered; nothing listens yet, or what listens turns this node away
FILTERED = "filtered"  # no answer at all
UNREACHABLE = "unreachable"  # no route
UNKNOWN = "unknown"  # UDP without an answer can mean anything
RESULTS = {
    errno.ECONNREFUSED: REFUSED,
    errno.ECONNRESET: REFUSED,
    errno.ETIMEDOUT: FILTERED,
    errno.EHOSTUNREACH: UNREACHABLE,
    errno.ENETUNREACH: UNREACHABLE,
}


def probe_reachability(
    peers: Sequence[Mapping[str, Any]], names: Sequence[str], sources: Sequence[str], timeout: float
) -> dict[str, Any]:
    """Return peers, names and sources with what came of each; timeout is in seconds per attempt."""
    wanted = [(peer, port) for peer in peers for port in peer["ports"]]
    with ThreadPoolExecutor(THREADS) as pool:
        found_peers = pool.map(lambda pair: _peer(pair[0], pair[1], timeout), wanted)
        found_names = pool.map(_resolve, names)
        found_sources = pool.map(lambda source: _source(source, timeout), sources)
        return {"peers": list(found_peers), "names": list(found_names), "sources": list(found_sources)}


def _peer(peer: Mapping[str, Any], port: Mapping[str, Any], timeout: float) -> dict[str, Any]:
    protocol = port.get("protocol") or "tcp"
    attempt = try_udp if protocol == "udp" else try_tcp
    result, detail = attempt(peer["address"], int(port["port"]), timeout)
    return {
        "host": peer["host"],
        "address": peer["address"],
        "port": int(port["port"]),
        "protocol": protocol,
        "result": result,
        "detail": detail,
    }


def _resolve(name: str) -> dict[str, Any]:
    try:
        found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except OSError as error:
        return {"name": name, "addresses": [], "detail": str(error)}
    return {"name": name, "addresses": sorted({str(entry[4][0]) for entry in found}), "detail": ""}


def _source(source: str, timeout: float) -> dict[str, Any]:
    parts = urlsplit(source if "://" in source else f"//{source}")
    port = parts.port or DEFAULT_PORTS.get(parts.scheme, 443)
    result, detail = try_tcp(parts.hostname or "", port, timeout)
    return {"source": source, "port": port, "result": result, "detail": detail}


def try_tcp(address: str, port: int, timeout: float) -> tuple[str, str]:
    """open, refused, filtered or unreachable, and the system's own words."""
    try:
        with socket.create_connection((address, port), timeout):
            return OPEN, ""
    except OSError as error:
        return _meaning(error), str(error)


def try_udp(address: str, port: int, timeout: float) -> tuple[str, str]:
    """refused tells that the host is there; silence is unknown."""
    try:
        family, kind, number, __, target = socket.getaddrinfo(address, port, type=socket.SOCK_DGRAM)[0]
        with socket.socket(family, kind, number) as client:
            client.settimeout(timeout)
            client.connect(target)
            client.send(b"")
            client.recv(1)
            return OPEN, ""
    except socket.timeout:
        return UNKNOWN, "no answer, as usual for UDP"
    except OSError as error:
        return _meaning(error), str(error)


def _meaning(error: OSError) -> str:
    if isinstance(error, socket.timeout):
        return FILTERED
    return RESULTS.get(error.errno or 0, UNREACHABLE)
