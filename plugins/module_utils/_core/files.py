# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The only writer of files on a node: atomic, synced, with the replaced file kept aside."""

from __future__ import annotations

import errno
import grp
import hashlib
import os
import pwd
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

from .clock import now
from .errors import KubeopsError

# Outside the directories that daemons read whole (static pods, conf.d, sysctl.d).
BACKUP_ROOT = "/var/lib/kubeops/backups"
CHUNK = 1024 * 1024
SELINUX_XATTR = "security.selinux"


def read_bytes(path: str) -> bytes | None:
    """The file's content, or None where there is no such file."""
    try:
        return Path(path).read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None


def read_text(path: str) -> str | None:
    """Like read_bytes, as UTF-8; bytes that are no UTF-8 are replaced."""
    data = read_bytes(path)
    return None if data is None else data.decode("utf-8", "replace")


def sha256(path: str) -> str | None:
    """Hex digest of the file, or None where there is no such file."""
    digest = hashlib.sha256()
    try:
        with Path(path).open("rb") as file:
            for chunk in iter(lambda: file.read(CHUNK), b""):
                digest.update(chunk)
    except (FileNotFoundError, NotADirectoryError):
        return None
    return digest.hexdigest()


def write_atomic(
    path: str,
    data: bytes | str,
    mode: int = 0o644,
    owner: str | int | None = None,
    group: str | int | None = None,
    backup: bool = False,
    *,
    follow: bool = False,
    backup_root: str = BACKUP_ROOT,
) -> str | None:
    """Replace path by a complete file or leave it alone; a reader never sees half of it.

    The directory must exist. owner and group (names or numbers) default to those of the
    file replaced. With backup, the file replaced is copied below backup_root and that
    path is returned, else None. Raises KubeopsError where path is a symlink, unless
    follow asks to write to its target.
    """
    target = _target(Path(path), follow)
    kept = keep_aside(str(target), backup_root) if backup else None
    content = data.encode("utf-8") if isinstance(data, str) else data
    handle, name = tempfile.mkstemp(prefix=".kubeops-", dir=target.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            _own(file.fileno(), target, owner, group)
            os.fchmod(file.fileno(), mode)
            _copy_selinux_label(target, temporary)
            os.fsync(file.fileno())
        temporary.rename(target)
    except BaseException:
        temporary.unlink()
        raise
    sync_directory(str(target.parent))
    return kept


def links(paths: Iterable[str]) -> tuple[str, ...]:
    """Say which of these are symbolic links, and where to; write_atomic writes none of them."""
    return tuple(f"{path} is a symbolic link to {Path(path).readlink()}" for path in paths if Path(path).is_symlink())


def require_no_link(path: str) -> None:
    """Raise KubeopsError where path is a symlink."""
    if Path(path).is_symlink():
        raise KubeopsError(
            f"{path} is a symbolic link and would be replaced by a file",
            seen=f"it points to {Path(path).readlink()}",
            fix="remove the link, or manage the file it points to",
        )


def link_atomic(path: str, target: str) -> None:
    """Make path a symbolic link to target; what is there is replaced at once, never missing."""
    temporary = Path(path).with_name(f".kubeops-{os.getpid()}-{Path(path).name}")
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(target)
    temporary.rename(path)
    sync_directory(str(Path(path).parent))


def remove(path: str, backup: bool = False, *, backup_root: str = BACKUP_ROOT) -> str | None:
    """Remove a file or a symlink; gone already is fine. Returns where it was kept, or None."""
    kept = keep_aside(path, backup_root) if backup else None
    try:
        Path(path).unlink()
    except (FileNotFoundError, NotADirectoryError):
        return None
    sync_directory(str(Path(path).parent))
    return kept


def keep_aside(path: str, backup_root: str = BACKUP_ROOT) -> str | None:
    """Copy a regular file below backup_root, named by path and UTC time, same mode and owner.

    Returns the copy's path, or None where path is no regular file.
    """
    source = Path(path).absolute()
    if not source.is_file():
        return None
    kept = Path(backup_root, *source.parts[1:-1], f"{source.name}.{now():%Y%m%dT%H%M%S.%fZ}")
    Path(backup_root).mkdir(mode=0o700, parents=True, exist_ok=True)
    kept.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    before = source.stat()
    handle = os.open(kept, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with source.open("rb") as reader, os.fdopen(handle, "wb") as writer:
        shutil.copyfileobj(reader, writer, CHUNK)
        writer.flush()
        os.fchown(handle, before.st_uid, before.st_gid)
        os.fchmod(handle, stat.S_IMODE(before.st_mode))
        os.fsync(handle)
    return str(kept)


def sync(path: str) -> None:
    """Make a file's content survive a power cut."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_directory(path: str) -> None:
    """Make a rename or an unlink in this directory survive a power cut."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _target(path: Path, follow: bool) -> Path:
    path = path.absolute()
    if follow:
        return path.resolve() if path.is_symlink() else path
    require_no_link(str(path))
    return path


def _own(handle: int, replaced: Path, owner: str | int | None, group: str | int | None) -> None:
    before = replaced.stat() if replaced.exists() else None
    uid, gid = _uid(owner), _gid(group)
    if before is not None:
        uid = before.st_uid if uid == -1 else uid
        gid = before.st_gid if gid == -1 else gid
    os.fchown(handle, uid, gid)


def _uid(owner: str | int | None) -> int:
    return _number(owner, "user", lambda name: pwd.getpwnam(name).pw_uid)


def _gid(group: str | int | None) -> int:
    return _number(group, "group", lambda name: grp.getgrnam(name).gr_gid)


def _number(given: str | int | None, kind: str, look_up: Callable[[str], int]) -> int:
    """The id of a user or group, -1 (leave it) for none."""
    if given is None or isinstance(given, int):
        return -1 if given is None else given
    try:
        return int(given) if given.isdigit() else look_up(given)
    except KeyError as error:
        raise KubeopsError(f"{kind} {given} does not exist on this node") from error


def _copy_selinux_label(source: Path, target: Path) -> None:
    try:
        os.setxattr(target, SELINUX_XATTR, os.getxattr(source, SELINUX_XATTR))
    except OSError as error:
        # New file, no label, or a file system without labels: the directory's default holds.
        if error.errno not in (errno.ENOENT, errno.ENODATA, errno.ENOTSUP, errno.EPERM):
            raise
