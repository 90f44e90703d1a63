# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads the files and units that managed_files is about."""

from __future__ import annotations

import glob
import grp
import pwd
import stat
from collections.abc import Sequence
from pathlib import Path

from .._core.errors import KubeopsError
from .._core.files import read_bytes
from .model import ABSENT, MARKER, FileState


def read_file(path: str) -> FileState:
    """One file; a directory or device at the path is an error."""
    try:
        status = Path(path).stat()
    except (FileNotFoundError, NotADirectoryError):
        return ABSENT
    if not stat.S_ISREG(status.st_mode):
        raise KubeopsError(what=f"{path} is not a regular file", fix="move it away or choose another path")
    return FileState(
        content=read_bytes(path),
        mode=stat.S_IMODE(status.st_mode),
        owner=_user(status.st_uid),
        group=_group(status.st_gid),
        uid=status.st_uid,
        gid=status.st_gid,
        mtime=status.st_mtime,
    )


def prunable(patterns: Sequence[str], listed: Sequence[str]) -> list[str]:
    """Files under the glob patterns that carry our marker and are not listed."""
    found = (path for pattern in patterns for path in sorted(glob.glob(pattern)))  # noqa: PTH207 - patterns are absolute
    return [path for path in found if path not in listed and Path(path).is_file() and _is_ours(path)]


def _is_ours(path: str) -> bool:
    first_line = (read_bytes(path) or b"").split(b"\n", 1)[0]
    return MARKER.encode() in first_line


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _group(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)
