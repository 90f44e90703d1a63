# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Container runtimes: what is wanted, and the names each of them uses. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

# PauseVersion in cmd/kubeadm/app/constants/constants.go of each release branch, as of 2026-08.
# What `kubeadm config images list` prints; later minors take the newest known one.
PAUSE = {"1.31": "3.10", "1.32": "3.10", "1.33": "3.10", "1.34": "3.10.1", "1.35": "3.10.1", "1.36": "3.10.2"}


@dataclass(frozen=True)
class Runtime:
    """`binary` prints its version; `units` are restarted in this order; `socket` is the CRI's."""

    binary: str
    units: tuple[str, ...]
    socket: str


RUNTIMES = {
    "containerd": Runtime("containerd", ("containerd",), "/run/containerd/containerd.sock"),
    "crio": Runtime("crio", ("crio",), "/run/crio/crio.sock"),
    "docker": Runtime("dockerd", ("docker", "cri-docker"), "/run/cri-dockerd.sock"),
}


@dataclass(frozen=True)
class Settings:
    """Typed variables of the role container_runtime.

    `version` is the runtime's own, "" when it is not installed yet. `mirrors` maps a registry host to
    mirror URLs in order; `auth` maps a registry host to {"username", "password"}. `unit` is the text of containerd's
    systemd unit, "" where a package brings it.
    """

    name: str
    version: str
    sandbox_image: str
    cgroup_driver: str = "systemd"
    cni_bin_dir: str = "/opt/cni/bin"
    cni_conf_dir: str = "/etc/cni/net.d"
    mirrors: Mapping[str, Sequence[str]] = field(default_factory=dict)
    auth: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    http_proxy: str = ""
    https_proxy: str = ""
    no_proxy: str = ""
    unit: str = ""
    overrides: Mapping[str, Any] = field(default_factory=dict)


def sandbox_image(repository: str, kubernetes_version: str) -> str:
    """The pause image that this Kubernetes version's kubeadm lists."""
    minor = ".".join(kubernetes_version.lstrip("v").split(".")[:2])
    newest = max(PAUSE, key=_numbers)
    oldest = min(PAUSE, key=_numbers)
    fallback = PAUSE[oldest] if _numbers(minor) < _numbers(oldest) else PAUSE[newest]
    return f"{repository}/pause:{PAUSE.get(minor, fallback)}"


def parse_version(output: str) -> str:
    """Version in the output of ``<binary> --version``, "" where there is none.

    Examples:
        ``containerd github.com/containerd/containerd v2.1.4 75cb2b7``, ``crio version 1.34.0``,
        ``Docker version 28.3.2, build 578ccf6``.
    """
    found = re.search(r"\bv?(\d+\.\d+\.\d+[^\s,]*)", output)
    return found.group(1) if found else ""


def merge(base: Mapping[str, Any], overlay: Mapping[str, Any]) -> dict[str, Any]:
    """Deep merge; mappings are merged, everything else is replaced by the overlay."""
    merged = dict(base)
    for key, value in overlay.items():
        old = merged.get(key)
        both = isinstance(old, Mapping) and isinstance(value, Mapping)
        merged[key] = merge(old, value) if both and old is not None else value
    return merged


def _numbers(minor: str) -> tuple[int, ...]:
    return tuple(int(part) for part in minor.split("."))
