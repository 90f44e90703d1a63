# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Observes one node: reads /proc, /sys and a few files, and runs as little as possible.

A section that cannot be read is None, with the reason in `notes`; nothing here raises.
"""

from __future__ import annotations

import ctypes
import os
import platform
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib import metadata
from pathlib import Path
from typing import Any, Callable

from .._core import files
from .._core.errors import KubeopsError
from .._core.runner import Runner
from .._kubeadm.probe import probe_kubernetes
from .._systemd.probe import read_units
from . import parse

SCHEMA = 1
THREADS = 8
COMMAND_TIMEOUT = 10.0
SOCKET_TIMEOUT = 1.0
TIME_ERROR = 5  # adjtimex(2): the clock is not synchronised

MODULES = ("overlay", "br_netfilter", "ip_vs", "ip_vs_rr", "ip_vs_wrr", "ip_vs_sh", "nf_conntrack")
SYSCTLS = (
    "net.ipv4.ip_forward",
    "net.ipv6.conf.all.forwarding",
    "net.bridge.bridge-nf-call-iptables",
    "net.bridge.bridge-nf-call-ip6tables",
    "net.ipv4.ip_nonlocal_bind",
    "vm.overcommit_memory",
    "kernel.panic",
    "kernel.panic_on_oops",
    "fs.inotify.max_user_instances",
    "fs.inotify.max_user_watches",
)
DISKS = ("/", "/var/lib/kubelet", "/var/lib/containerd", "/var/lib/etcd", "/var/log")
TIME_SERVICES = ("chrony", "chronyd", "systemd-timesyncd", "ntpd", "ntpsec")
SERVICES = ("kubelet", "containerd", "crio", "docker", "haproxy", "keepalived", *TIME_SERVICES)
VERSION_OPTIONS: Mapping[str, tuple[str, ...]] = {
    "kubeadm": ("version", "-o", "short"),
    "kubelet": ("--version",),
    "kubectl": ("version", "--client"),
    "crictl": ("--version",),
    "containerd": ("--version",),
    "runc": ("--version",),
    "crio": ("--version",),
    "dockerd": ("--version",),
    "cri-dockerd": ("--version",),
    "haproxy": ("-v",),
    "keepalived": ("--version",),
    "etcd": ("--version",),
}
# The order decides which one counts where the kubelet has not been told yet.
RUNTIMES = (
    ("containerd", "/run/containerd/containerd.sock", "containerd"),
    ("crio", "/run/crio/crio.sock", "crio"),
    ("docker", "/run/cri-dockerd.sock", "dockerd"),
)

Section = Callable[[Runner], Any]


def probe_node(runner: Runner, wanted: Sequence[str] = ("all",), disks: Sequence[str] = ()) -> dict[str, Any]:
    """Return the node's facts: schema, notes ({section: reason}) and every wanted section of SECTIONS.

    disks are paths to look at besides DISKS.
    """
    sections = {**SECTIONS, "disk": lambda _runner: _disk((*DISKS, *disks))}
    names = [name for name in SECTIONS if "all" in wanted or name in wanted]
    notes: dict[str, str] = {}
    with ThreadPoolExecutor(THREADS) as pool:
        running = {name: pool.submit(_softly, name, sections[name], runner, notes) for name in names}
        facts = {name: future.result() for name, future in running.items()}
    _relate(facts)
    return {"schema": SCHEMA, **facts, "notes": notes}


def _softly(name: str, section: Section, runner: Runner, notes: dict[str, str]) -> Any:
    # Any node may hold a surprise; one unreadable thing must not hide all others.
    try:
        return section(runner)
    except Exception as error:
        notes[name] = f"{type(error).__name__}: {error}"
        return None


def _python(runner: Runner) -> dict[str, str | None]:
    """The Python that modules run in."""
    try:
        cryptography: str | None = metadata.version("cryptography")
    except metadata.PackageNotFoundError:
        cryptography = None
    return {"version": platform.python_version(), "cryptography": cryptography}


def _text(path: str) -> str:
    """The file's text; empty where it does not exist."""
    return files.read_text(path) or ""


def _line(path: str) -> str | None:
    return _text(path).strip() or None


def _hostname(runner: Runner) -> str:
    return os.uname().nodename


def _container(runner: Runner) -> str | None:
    """What systemd says it runs in (systemd-nspawn, lxc, docker), or None on a machine."""
    return _line("/run/systemd/container")


def _os(runner: Runner) -> dict[str, Any]:
    return parse.os_release(_text("/etc/os-release") or _text("/usr/lib/os-release"))


def _time(runner: Runner) -> dict[str, Any]:
    """The service that keeps it is filled in from `services`."""
    return {"unix": time.time(), "synchronized": _synchronized(), "service": None}


def _synchronized() -> bool:
    """adjtimex(2) with modes 0 only reads; the buffer is larger than struct timex on every platform."""
    buffer = ctypes.create_string_buffer(512)
    state = ctypes.CDLL(None, use_errno=True).adjtimex(buffer)
    if state == -1:
        raise OSError(ctypes.get_errno(), "adjtimex")
    return bool(state != TIME_ERROR)


def _cgroup(runner: Runner) -> dict[str, Any]:
    """Version 1 includes the hybrid layout: the kubelet takes controllers from v1 there."""
    if not Path("/sys/fs/cgroup").is_dir():
        raise FileNotFoundError("/sys/fs/cgroup is not mounted")
    return {"version": 2 if Path("/sys/fs/cgroup/cgroup.controllers").exists() else 1}


def _swap(runner: Runner) -> dict[str, list[str]]:
    return {"active": parse.active_swap(_text("/proc/swaps")), "fstab": parse.fstab_swap(_text("/etc/fstab"))}


def _kernel_modules(runner: Runner) -> list[str]:
    present = parse.loaded_modules(_text("/proc/modules"))
    present |= parse.builtin_modules(_text(f"/lib/modules/{os.uname().release}/modules.builtin"))
    return [name for name in MODULES if name in present or Path("/sys/module", name).is_dir()]


def _sysctls(runner: Runner) -> dict[str, str]:
    values = {name: _line("/proc/sys/" + name.replace(".", "/")) for name in SYSCTLS}
    return {name: value for name, value in values.items() if value is not None}


def _addresses(runner: Runner) -> list[dict[str, Any]]:
    return parse.addresses(runner.run(["ip", "-json", "address"], timeout=COMMAND_TIMEOUT).stdout)


def _default_route(runner: Runner) -> dict[str, str] | None:
    """IPv4 before IPv6; address is the one the kernel would send from."""
    for text, read, family, target in (
        ("/proc/net/route", parse.default_route, socket.AF_INET, "198.51.100.1"),
        ("/proc/net/ipv6_route", parse.default_route6, socket.AF_INET6, "2001:db8::1"),
    ):
        route = read(_text(text))
        if route is not None:
            return {**route, "address": _source_address(family, target)}
    return None


def _source_address(family: socket.AddressFamily, target: str) -> str:
    """Connecting a UDP socket sends nothing; it only makes the kernel choose."""
    with socket.socket(family, socket.SOCK_DGRAM) as chooser:
        chooser.connect((target, 9))
        return str(chooser.getsockname()[0])


def _listening(runner: Runner) -> list[dict[str, Any]]:
    found = [
        entry
        for name, protocol in (("tcp", "tcp"), ("tcp6", "tcp"), ("udp", "udp"), ("udp6", "udp"))
        for entry in parse.sockets(_text(f"/proc/net/{name}"), protocol)
    ]
    owners = _socket_owners({entry["inode"] for entry in found})
    rows = [{"process": owners.get(entry.pop("inode")), **entry} for entry in found]
    return sorted(rows, key=lambda row: (row["port"], row["protocol"], row["address"]))


def _socket_owners(wanted: set[int]) -> dict[int, str]:
    """Process names by socket inode; the walk over /proc ends when all are found."""
    owners: dict[int, str] = {}
    for process in Path("/proc").iterdir():
        if len(owners) == len(wanted):
            break
        if process.name.isdigit():
            owned = wanted.intersection(_socket_inodes(process / "fd"))
            if owned:
                owners.update(dict.fromkeys(owned, _line(f"{process}/comm") or "?"))
    return owners


def _socket_inodes(directory: Path) -> Iterator[int]:
    try:
        for entry in os.scandir(directory):
            target = os.readlink(entry.path)  # noqa: PTH115 - thousands of them: a Path for each costs
            if target.startswith("socket:["):
                yield int(target[8:-1])
    except OSError:
        return  # the process ended, or a descriptor was closed meanwhile


def _disk(paths: Sequence[str]) -> dict[str, dict[str, int]]:
    return {path: disk_space(path) for path in paths}


def disk_space(path: str) -> dict[str, int]:
    """Of the file system where the path is, or will be."""
    existing = next(parent for parent in (Path(path), *Path(path).parents) if parent.exists())
    stat = os.statvfs(existing)
    unit = stat.f_frsize / 1024 / 1024
    return {"total_mib": int(stat.f_blocks * unit), "free_mib": int(stat.f_bavail * unit)}


def _binaries(runner: Runner) -> dict[str, dict[str, str | None]]:
    """Only what is there; version is None where the program does not tell it."""
    found = {name: path for name in VERSION_OPTIONS if (path := runner.which(name))}
    with ThreadPoolExecutor(THREADS) as pool:
        versions = pool.map(lambda name: _version(runner, name, found[name]), found)
        return {name: {"path": found[name], "version": version} for name, version in zip(found, versions)}


def _version(runner: Runner, name: str, path: str) -> str | None:
    try:
        result = runner.run([path, *VERSION_OPTIONS[name]], timeout=COMMAND_TIMEOUT, check=False)
    except KubeopsError:
        return None  # a broken binary: present, of no known version
    return parse.program_version(name, result.stdout + result.stderr)


def _services(runner: Runner) -> dict[str, dict[str, bool | None]]:
    units = read_units(runner, SERVICES)
    return {name: {"active": unit.active, "enabled": unit.enabled} for name, unit in units.items()}


def _runtime(runner: Runner) -> dict[str, Any]:
    """The runtime the kubelet is told to use, else the first one found; name None where there is none."""
    told = parse.runtime_endpoint(_text("/var/lib/kubelet/config.yaml"), _text("/var/lib/kubelet/kubeadm-flags.env"))
    for name, path, binary in RUNTIMES:
        if told in (None, path, f"/var{path}") and (Path(path).exists() or runner.which(binary)):
            return {"name": name, "version": None, "socket": told or path, "live": _answers(told or path)}
    return {"name": None, "version": None, "socket": told, "live": bool(told) and _answers(str(told))}


def _answers(path: str) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(SOCKET_TIMEOUT)
        try:
            client.connect(path)
        except OSError:
            return False
    return True


SECTIONS: Mapping[str, Section] = {
    "hostname": _hostname,
    "machine_id": lambda runner: _line("/etc/machine-id"),
    "product_uuid": lambda runner: _line("/sys/class/dmi/id/product_uuid"),
    "boot_id": lambda runner: _line("/proc/sys/kernel/random/boot_id"),
    "container": _container,
    "arch": lambda runner: parse.architecture(os.uname().machine),
    "os": _os,
    "kernel": lambda runner: os.uname().release,
    "cpu_count": lambda runner: len(os.sched_getaffinity(0)),
    "memory_mib": lambda runner: parse.memory_mib(_text("/proc/meminfo")),
    "time": _time,
    "cgroup": _cgroup,
    "python": _python,
    "swap": _swap,
    "kernel_modules": _kernel_modules,
    "sysctls": _sysctls,
    "addresses": _addresses,
    "default_route": _default_route,
    "listening": _listening,
    "disk": lambda runner: _disk(DISKS),
    "binaries": _binaries,
    "runtime": _runtime,
    "services": _services,
    "kubernetes": probe_kubernetes,
}


def _relate(facts: dict[str, Any]) -> None:
    """Fill in what one section knows of another."""
    services, binaries = facts.get("services") or {}, facts.get("binaries") or {}
    if facts.get("time"):
        active = [name for name in TIME_SERVICES if services.get(name, {}).get("active")]
        facts["time"]["service"] = active[0] if active else None
    if facts.get("runtime"):
        binary = next((binary for name, __, binary in RUNTIMES if name == facts["runtime"]["name"]), "")
        facts["runtime"]["version"] = binaries.get(binary, {}).get("version")
