# SPDX-License-Identifier: GPL-3.0-or-later
"""What this host is, what it must have, and what the lab changes on it and puts back."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from tests.lab import cgroups
from tests.lab.errors import LabError
from tests.lab.paths import RUN
from tests.lab.shell import run, write

PACKAGES = {
    "debootstrap": "debootstrap",
    "systemd-nspawn": "systemd-container",
    "ip": "iproute2",
    "iptables": "iptables",
    "ssh-keygen": "openssh-client",
    "nsenter": "util-linux",
    "mount": "mount",
}
# Several kubelets on one kernel use up the defaults.
RAISED = {"fs/inotify/max_user_instances": 8192, "fs/inotify/max_user_watches": 1048576}
SET_BY_UPLINK = ("net/ipv4/ip_forward",)
# A kubelet sets these (https://kubernetes.io/docs/reference/command-line-tools-reference/kubelet/,
# --protect-kernel-defaults), and here they are the host's.
SET_BY_KUBELET = ("vm/overcommit_memory", "vm/panic_on_oom", "kernel/panic", "kernel/panic_on_oops")
_SAVED = RUN / "sysctls.json"
_CAP_SYS_RESOURCE = 24


@dataclass(frozen=True)
class Host:
    layout: cgroups.Layout
    has_sys_resource: bool

    @classmethod
    def detect(cls) -> Host:
        status = Path("/proc/self/status").read_text()
        return cls(cgroups.detect(), has_capability(status, _CAP_SYS_RESOURCE))


def has_capability(status: str, number: int) -> bool:
    """Whether the effective set of a /proc/<pid>/status text holds a capability."""
    effective = next(line for line in status.splitlines() if line.startswith("CapEff:"))
    return bool(int(effective.split()[1], 16) >> number & 1)


def missing_packages() -> list[str]:
    return sorted(package for tool, package in PACKAGES.items() if not shutil.which(tool))


def require_usable() -> None:
    if os.geteuid() != 0:
        raise LabError("the lab makes machines: run it as root")
    if missing := missing_packages():
        raise LabError(f"missing: {', '.join(missing)}; run: python3 -m tests.lab setup")


def setup() -> None:
    """Install what is missing (Debian family)."""
    if os.geteuid() != 0:
        raise LabError("setup installs packages: run it as root")
    if missing := missing_packages():
        run(["apt-get", "update"])
        environment = ["env", "DEBIAN_FRONTEND=noninteractive"]
        run([*environment, "apt-get", "install", "-y", "--no-install-recommends", *missing])


def _sysctl(name: str) -> Path:
    return Path("/proc/sys") / name


def raise_limits() -> None:
    """Remember the host's values once, then raise what is lower than needed."""
    if not _SAVED.exists():
        names = [*RAISED, *SET_BY_UPLINK, *SET_BY_KUBELET]
        saved = {name: _sysctl(name).read_text().strip() for name in names if _sysctl(name).exists()}
        write(_SAVED, json.dumps(saved))
    for name, value in RAISED.items():
        if int(_sysctl(name).read_text()) < value:
            _sysctl(name).write_text(str(value))


def restore_limits() -> None:
    if _SAVED.exists():
        for name, value in json.loads(_SAVED.read_text()).items():
            _sysctl(name).write_text(value)
        _SAVED.unlink()
