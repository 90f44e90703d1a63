# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kernel settings of a node: wanted, observed, and how their files read. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

FSTAB = "/etc/fstab"
FSTAB_MARK = "# swap off (kubeops.cluster): "
FILE_HEADER = "# Managed by kubeops.cluster\n"

# Where a module's function shows itself when it is built in or comes with the host's kernel.
EVIDENCE = {
    "br_netfilter": "/proc/sys/net/bridge",
    "nf_conntrack": "/proc/sys/net/netfilter",
    "ip_vs": "/proc/net/ip_vs",
}


@dataclass(frozen=True)
class Wanted:
    """`swap_off` False leaves swap alone. Sysctl values are text as ``sysctl`` prints them."""

    swap_off: bool
    modules: tuple[str, ...]
    modules_file: str
    sysctls: Mapping[str, str]
    sysctl_file: str
    optional_sysctls: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Sysctl:
    """A live key; `value` is None where the kernel does not have it."""

    value: str | None
    writable: bool = True


@dataclass(frozen=True)
class Observed:
    """`active_swap` are the devices or files of /proc/swaps; file contents are None where missing."""

    active_swap: tuple[str, ...] = ()
    fstab: str = ""
    effective_modules: frozenset[str] = frozenset()
    sysctls: Mapping[str, Sysctl] = field(default_factory=dict)
    modules_file: str | None = None
    sysctl_file: str | None = None


def modules_text(modules: tuple[str, ...]) -> str:
    """Content for modules-load.d(5)."""
    return FILE_HEADER + "".join(f"{name}\n" for name in modules)


def sysctl_text(sysctls: Mapping[str, str]) -> str:
    """Content for sysctl.d(5)."""
    return FILE_HEADER + "".join(f"{name} = {sysctls[name]}\n" for name in sorted(sysctls))


def sysctl_path(name: str) -> str:
    """Path below /proc/sys by the rule of sysctl(8): the first separator decides, the other one is literal."""
    dot, slash = name.find("."), name.find("/")
    if slash != -1 and (dot == -1 or slash < dot):
        return "/proc/sys/" + name
    return "/proc/sys/" + name.translate(str.maketrans("./", "/."))


def same_value(left: str | None, right: str) -> bool:
    """Whether two sysctl values are equal; the kernel prints several numbers with tabs."""
    return left is not None and left.split() == right.split()


def parse_swaps(text: str) -> tuple[str, ...]:
    """Devices and files of /proc/swaps."""
    return tuple(line.split()[0].replace("\\040", " ") for line in text.splitlines()[1:] if line.strip())


def fstab_swaps(text: str) -> tuple[str, ...]:
    """First fields of the active swap lines of fstab(5)."""
    return tuple(line.split()[0] for line in text.splitlines() if _is_swap(line))


def without_swap(text: str) -> str:
    """fstab(5) with its swap lines commented out, everything else as it was."""
    lines = text.splitlines(keepends=True)
    return "".join(FSTAB_MARK + line if _is_swap(line) else line for line in lines)


def _is_swap(line: str) -> bool:
    fields = line.split()
    return len(fields) >= 3 and not fields[0].startswith("#") and fields[2] == "swap"


def swap_unit(path: str) -> str:
    """Name of the systemd unit of a swap device or file, escaped as systemd-escape(1) does."""
    trimmed = path.strip("/")
    escaped = "".join(_escape(char, first=index == 0) for index, char in enumerate(trimmed))
    return escaped + ".swap"


def _escape(char: str, *, first: bool) -> str:
    if char == "/":
        return "-"
    plain = char.isascii() and (char.isalnum() or char in ":_.") and not (first and char == ".")
    return char if plain else "".join(f"\\x{byte:02x}" for byte in char.encode())
