# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which files of a bundle a node needs. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from .manifest import BundleFile

REQUIRED_BINARIES = frozenset({"kubeadm", "kubelet", "kubectl"})


@dataclass(frozen=True)
class Need:
    """`kubernetes_version` with its v; `image_roles` besides what every node needs.

    `runtimes`: version wanted by name, without its v; "" for the newest.
    """

    kubernetes_version: str
    kinds: Collection[str]
    tools: Collection[str] = ("crictl",)
    image_roles: Collection[str] = ("node",)
    runtimes: Mapping[str, str] = field(default_factory=dict)


def select(files: Sequence[BundleFile], need: Need) -> tuple[BundleFile, ...]:
    """The files of every architecture that fit the need; of alternatives for any version, the newest.

    Raises:
        ValueError: the bundle has no Kubernetes or no runtime of that version, and names those it has; or no such tool.
    """
    fitting = [file for file in files if file.kind in need.kinds and _fits(file, need)]
    if "binary" in need.kinds and not {file.name for file in fitting if file.kind == "binary"} >= REQUIRED_BINARIES:
        raise ValueError(f"it has no complete {need.kubernetes_version}, but {', '.join(_versions(files)) or 'none'}")
    if "tool" in need.kinds and (missing := sorted(set(need.tools) - {file.name for file in fitting})):
        raise ValueError(f"it has no {' and no '.join(missing)} for Kubernetes {need.kubernetes_version}")
    for name in need.runtimes if "runtime" in need.kinds else ():
        if not any(file.kind == "runtime" and file.name == name for file in fitting):
            found = ", ".join(sorted(file.version for file in files if file.kind == "runtime" and file.name == name))
            raise ValueError(f"it has no {name} {need.runtimes[name]}".rstrip() + f", but {found or 'none'}")
    return tuple(_newest(fitting))


def for_arch(files: Iterable[BundleFile], arch: str) -> tuple[BundleFile, ...]:
    """The files for one architecture, or for any where `arch` of the file is empty."""
    return tuple(file for file in files if file.arch in (arch, ""))


def _fits(file: BundleFile, need: Need) -> bool:
    if file.kubernetes and need.kubernetes_version not in file.kubernetes:
        return False
    if file.kind == "image":
        return file.role in need.image_roles
    if file.kind == "tool":
        return file.name in need.tools
    return file.kind != "runtime" or need.runtimes.get(file.name) in ("", file.version.removeprefix("v"))


def _versions(files: Iterable[BundleFile]) -> list[str]:
    found = {file.version for file in files if file.kind == "binary" and file.name == "kubeadm"}
    return sorted(found, key=_numbers)


def _newest(files: Iterable[BundleFile]) -> list[BundleFile]:
    chosen: dict[tuple[str, str, str], BundleFile] = {}
    for file in files:
        key = (file.kind, file.name, file.arch)
        if key not in chosen or _numbers(chosen[key].version) < _numbers(file.version):
            chosen[key] = file
    return list(chosen.values())


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version))
