# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the load balancer of one node should be, and what it was found to be. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

ADMIN_SOCKET = "/run/kubeops-haproxy.sock"
BACKEND = "kube-apiserver"
HAPROXY_CONFIG = "/etc/haproxy/haproxy.cfg"
KEEPALIVED_CONFIG = "/etc/keepalived/keepalived.conf"
# SELinux policy labels this directory so that keepalived may run what is in it.
CHECK_SCRIPT = "/usr/libexec/keepalived/check-kube-apiserver"
MANAGED = "# Managed by kubeops.cluster, role load_balancer: edits are replaced on its next run."


@dataclass(frozen=True)
class Backend:
    """One API server: the name of its server line, its address and port."""

    name: str
    address: str
    port: int


@dataclass(frozen=True)
class Haproxy:
    """Times are haproxy's: milliseconds for the check interval, a duration with unit for the hard stop."""

    port: int
    backends: tuple[Backend, ...]
    bind_address: str = ""
    check_interval: int = 2000
    max_connections: int = 4000
    hard_stop_after: str = "1h"
    monitor_port: int = 8405
    peers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Keepalived:
    """The virtual address as this node advertises it; the interval is in seconds."""

    vip: str
    interface: str
    source: str
    node_name: str
    peers: tuple[str, ...]
    priority: int
    router_id: int
    monitor_port: int = 8405
    interval: float = 1.0


@dataclass(frozen=True)
class File:
    """A file that has to be there."""

    path: str
    content: str
    mode: int = 0o644


@dataclass(frozen=True)
class Service:
    """One daemon: the files it reads, and how to know that it read them.

    fingerprint: what the running process must report; empty when it can't report any,
    then a file younger than the unit's last change means it was not read.
    """

    name: str
    files: tuple[File, ...]
    fingerprint: str = ""


@dataclass(frozen=True)
class SeenFile:
    """A file as found; `changed_at` is its modification time (s since the epoch)."""

    content: str | None = None
    mode: int = 0
    changed_at: float = 0.0


@dataclass(frozen=True)
class SeenService:
    """A unit as found; `fingerprint` is None where the process did not answer."""

    active: bool = False
    enabled: bool = False
    changed_at: float = 0.0
    fingerprint: str | None = None


@dataclass(frozen=True)
class Observed:
    """Everything the plan looks at."""

    files: dict[str, SeenFile] = field(default_factory=dict)
    services: dict[str, SeenService] = field(default_factory=dict)
