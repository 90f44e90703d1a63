# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Parsers of what Linux and the tools on a node print (pure)."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping
from ipaddress import ip_address
from typing import Any

# Kubernetes' names for what `uname -m` says.
ARCHITECTURES = {
    "x86_64": "amd64",
    "aarch64": "arm64",
    "armv7l": "arm",
    "ppc64le": "ppc64le",
    "s390x": "s390x",
    "riscv64": "riscv64",
}
TCP_LISTEN = "0A"
RTF_GATEWAY = 0x2


def architecture(machine: str) -> str:
    """amd64 for x86_64 and so on; an unknown machine keeps its own name."""
    return ARCHITECTURES.get(machine, machine)


def os_release(text: str) -> dict[str, Any]:
    """/etc/os-release: id, version_id, id_like (list), pretty_name."""
    values: dict[str, str] = {}
    for line in text.splitlines():
        name, separator, value = line.partition("=")
        if separator and not name.startswith("#"):
            values[name.strip()] = " ".join(shlex.split(value))
    return {
        "id": values.get("ID", "linux"),
        "version_id": values.get("VERSION_ID", ""),
        "id_like": values.get("ID_LIKE", "").split(),
        "pretty_name": values.get("PRETTY_NAME", ""),
    }


def memory_mib(meminfo: str) -> int:
    """MemTotal of /proc/meminfo in MiB."""
    match = re.search(r"^MemTotal:\s+(\d+) kB", meminfo, re.MULTILINE)
    if match is None:
        raise ValueError("no MemTotal in /proc/meminfo")
    return int(match[1]) // 1024


def active_swap(swaps: str) -> list[str]:
    """Devices and files in /proc/swaps."""
    return [line.split()[0] for line in swaps.splitlines()[1:] if line.strip()]


def fstab_swap(fstab: str) -> list[str]:
    """What /etc/fstab would swap on at the next boot."""
    rows = (line.split() for line in fstab.splitlines() if not line.lstrip().startswith("#"))
    return [row[0] for row in rows if len(row) >= 3 and row[2] == "swap"]


def loaded_modules(proc_modules: str) -> set[str]:
    """Names in /proc/modules."""
    return {line.split()[0] for line in proc_modules.splitlines() if line.strip()}


def builtin_modules(modules_builtin: str) -> set[str]:
    """Names in /lib/modules/<release>/modules.builtin, as /proc/modules would spell them."""
    names = (line.rsplit("/", 1)[-1].split(".ko", 1)[0] for line in modules_builtin.splitlines())
    return {name.replace("-", "_") for name in names if name}


def addresses(ip_json: str) -> list[dict[str, Any]]:
    """`ip -json address`: interface, address, prefix, family (ipv4, ipv6), mac; loopback and link-local left out."""
    rows = []
    for link in json.loads(ip_json or "[]"):
        for entry in link.get("addr_info", ()):
            if entry.get("scope") in ("host", "link") or "local" not in entry:
                continue
            rows.append(
                {
                    "interface": link["ifname"],
                    "address": entry["local"],
                    "prefix": entry["prefixlen"],
                    "family": "ipv6" if entry["family"] == "inet6" else "ipv4",
                    "mac": link.get("address", ""),
                }
            )
    return rows


def default_route(proc_net_route: str) -> dict[str, str] | None:
    """The IPv4 default route with the lowest metric in /proc/net/route: interface, gateway."""
    rows = [line.split() for line in proc_net_route.splitlines()[1:]]
    routes = [row for row in rows if len(row) >= 8 and row[1] == "00000000" and row[7] == "00000000"]
    if not routes:
        return None
    best = min(routes, key=lambda row: int(row[6]))
    gateway = _address(best[2]) if int(best[3], 16) & RTF_GATEWAY else ""
    return {"interface": best[0], "gateway": gateway}


def default_route6(proc_net_ipv6_route: str) -> dict[str, str] | None:
    """The IPv6 default route with the lowest metric in /proc/net/ipv6_route: interface, gateway."""
    rows = [line.split() for line in proc_net_ipv6_route.splitlines()]
    routes = [row for row in rows if len(row) >= 10 and row[0] == "0" * 32 and row[1] == "00" and row[9] != "lo"]
    if not routes:
        return None
    best = min(routes, key=lambda row: int(row[5], 16))
    gateway = "" if best[4] == "0" * 32 else str(ip_address(bytes.fromhex(best[4])))
    return {"interface": best[9], "gateway": gateway}


def sockets(proc_net: str, protocol: str) -> list[dict[str, Any]]:
    """Listening sockets in /proc/net/{tcp,tcp6,udp,udp6}: port, protocol, address, inode."""
    rows = []
    for line in proc_net.splitlines()[1:]:
        fields = line.split()
        if len(fields) < 10 or not _listens(fields, protocol):
            continue
        address, port = fields[1].rsplit(":", 1)
        rows.append(
            {"port": int(port, 16), "protocol": protocol, "address": _address(address), "inode": int(fields[9])}
        )
    return rows


def _listens(fields: list[str], protocol: str) -> bool:
    """A UDP socket without a peer waits for anyone."""
    if protocol == "tcp":
        return fields[3] == TCP_LISTEN
    return set(fields[2]) <= set("0:")


def _address(hexadecimal: str) -> str:
    """The kernel prints each 32-bit word in host (little-endian) order."""
    raw = bytes.fromhex(hexadecimal)
    words = [raw[start : start + 4][::-1] for start in range(0, len(raw), 4)]
    return str(ip_address(b"".join(words)))


# One pattern for each program, on what its version option prints.
VERSION_PATTERNS: Mapping[str, str] = {
    "kubeadm": r"v?(\d+\.\d+\.\d+\S*)",
    "kubelet": r"Kubernetes v?(\S+)",
    "kubectl": r"Client Version: v?(\S+)",
    "crictl": r"crictl version v?(\S+)",
    "containerd": r"^containerd \S+ v?(\S+)",
    "runc": r"^runc version v?(\S+)",
    "crio": r"^(?:crio version|Version:)\s+v?(\S+)",
    "dockerd": r"^Docker version v?([^\s,]+)",
    "cri-dockerd": r"^cri-dockerd v?(\S+)",
    "haproxy": r"^HAProxy version (\S+)",
    "keepalived": r"^Keepalived v(\S+)",
    "etcd": r"^etcd Version: (\S+)",
}


def program_version(name: str, output: str) -> str | None:
    """The version in what the program printed, without a leading v."""
    match = re.search(VERSION_PATTERNS[name], output, re.MULTILINE)
    return match[1] if match else None


def runtime_endpoint(kubelet_config: str, kubeadm_flags: str) -> str | None:
    """The container runtime socket the kubelet is told to use, as a path; config goes before flags."""
    for text in (kubelet_config, kubeadm_flags):
        match = re.search(r"container-?[rR]untime-?[eE]ndpoint[\"']?[=:]\s*[\"']?(?:unix://)?(/[^\s\"']+)", text)
        if match:
            return match[1]
    return None
