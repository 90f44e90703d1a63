# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads the kernel settings of this node."""

from __future__ import annotations

import os
import platform
from pathlib import Path

from .._core.files import read_text
from .model import EVIDENCE, FSTAB, Observed, Sysctl, Wanted, parse_swaps, sysctl_path


def observe(wanted: Wanted) -> Observed:
    return Observed(
        active_swap=parse_swaps(read_text("/proc/swaps") or ""),
        fstab=read_text(FSTAB) or "",
        effective_modules=frozenset(name for name in wanted.modules if is_effective(name)),
        sysctls={name: read_sysctl(name) for name in wanted.sysctls},
        modules_file=read_text(wanted.modules_file),
        sysctl_file=read_text(wanted.sysctl_file),
    )


def is_effective(module: str) -> bool:
    """Whether the module is loaded, built in, or its function is there without either being visible."""
    name = module.replace("-", "_")
    evidence = EVIDENCE.get(name)
    return (
        Path("/sys/module", name).is_dir()
        or (evidence is not None and Path(evidence).exists())
        or name in _file_systems()
        or name in _built_in()
    )


def _file_systems() -> set[str]:
    return {line.split()[-1] for line in (read_text("/proc/filesystems") or "").splitlines() if line.strip()}


def _built_in() -> set[str]:
    listed = read_text(f"/lib/modules/{platform.release()}/modules.builtin") or ""
    return {Path(line).name.split(".")[0].replace("-", "_") for line in listed.splitlines()}


def read_sysctl(name: str) -> Sysctl:
    path = Path(sysctl_path(name))
    try:
        value = path.read_text().strip()
    except (FileNotFoundError, NotADirectoryError):
        return Sysctl(value=None)
    return Sysctl(value=value, writable=_writable(path))


def _writable(path: Path) -> bool:
    """Root may write everything but what a container mounts read-only, or what the kernel marks so."""
    read_only_mount = bool(os.statvfs(path).f_flag & os.ST_RDONLY)
    return not read_only_mount and bool(path.stat().st_mode & 0o222)
