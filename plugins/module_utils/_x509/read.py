# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads files that may be anything: bounded, never waiting, what is wrong as part of the answer."""

from __future__ import annotations

import errno
import grp
import os
import pwd
import stat
from functools import cache

from .load import MAX_BYTES
from .model import File

_PROBLEMS = {
    errno.ENOENT: ("missing", "there is no such file"),
    errno.ENOTDIR: ("missing", "there is no such file"),
    errno.ELOOP: ("symlink_loop", "its symbolic links lead in a circle"),
    errno.EACCES: ("permission_denied", "it may not be read"),
    errno.EPERM: ("permission_denied", "it may not be read"),
}


def read(path: str) -> File:
    """Return the file, or why there is none; devices and pipes are not read."""
    try:
        # Without O_NONBLOCK a pipe would wait for a writer.
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError) as error:
        return File(path, problem=_problem(error)[0], seen=_problem(error)[1])
    try:
        return _read(path, handle)
    except OSError as error:
        return File(path, problem="unreadable", seen=str(error.strerror))
    finally:
        os.close(handle)


def _read(path: str, handle: int) -> File:
    status = os.fstat(handle)
    problem = seen = ""
    data = b""
    if not stat.S_ISREG(status.st_mode):
        problem, seen = "not_a_file", "it is a directory, device, pipe or socket"
    elif status.st_size > MAX_BYTES:
        problem, seen = "too_large", f"{status.st_size} bytes, at most {MAX_BYTES} are read"
    else:
        data = os.read(handle, MAX_BYTES + 1)
    return File(
        path,
        real_path=os.path.realpath(path),
        mode=stat.S_IMODE(status.st_mode),
        uid=status.st_uid,
        owner=_user(status.st_uid),
        group=_group(status.st_gid),
        modified=status.st_mtime,
        problem=problem,
        seen=seen,
        data=data,
    )


def _problem(error: OSError | ValueError) -> tuple[str, str]:
    number = error.errno if isinstance(error, OSError) else None
    return _PROBLEMS.get(number or 0, ("unreadable", str(error)[:200]))


@cache
def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


@cache
def _group(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)
