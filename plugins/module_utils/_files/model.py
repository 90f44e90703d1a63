# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What managed_files is asked for and what it finds. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

# First-line marker of every file a role of this collection writes. Only files
# that carry it are ever pruned: what others wrote stays.
MARKER = "Managed by kubeops.cluster"


@dataclass(frozen=True)
class FileRequest:
    """One wanted file.

    `mode` is the numeric permission; `owner` and `group` are names or ids as
    text, None leaves them (root for a new file). `validate` is a command line
    in which ``%s`` stands for a temporary copy of the new content.
    """

    path: str
    content: str = ""
    mode: int = 0o644
    owner: str | None = None
    group: str | None = None
    present: bool = True
    secret: bool = False
    validate: str = ""
    backup: bool = True


@dataclass(frozen=True)
class FileState:
    """One observed file; `content` is None where there is none. `mtime` in seconds since the epoch."""

    content: bytes | None
    mode: int = 0
    owner: str = ""
    group: str = ""
    uid: int = 0
    gid: int = 0
    mtime: float = 0.0

    def owned_by(self, owner: str | None, group: str | None) -> bool:
        return owner in (None, self.owner, str(self.uid)) and group in (None, self.group, str(self.gid))


ABSENT = FileState(content=None)


@dataclass(frozen=True)
class ServiceRequest:
    """A systemd unit that follows the files in `when_changed` (empty: all files of the call)."""

    name: str
    state: str = "restarted"
    when_changed: tuple[str, ...] = ()
    daemon_reload: bool = True
    enabled: bool | None = None
    start: bool = True
    optional: bool = False


def file_request(entry: Mapping[str, Any]) -> FileRequest:
    """A checked module option as a request.

    Raises:
        ValueError: the mode is not octal, or the validate command lacks ``%s``.
    """
    validate = entry["validate"] or ""
    if validate and "%s" not in validate:
        raise ValueError(f"validate of {entry['path']!r} lacks %s: {validate!r}")
    try:
        mode = int(entry["mode"], 8)
    except ValueError:
        raise ValueError(f"mode of {entry['path']!r} is not octal: {entry['mode']!r}") from None
    return FileRequest(
        path=entry["path"],
        content=entry["content"] or "",
        mode=mode,
        owner=entry["owner"],
        group=entry["group"],
        present=entry["state"] == "present",
        secret=entry["secret"],
        validate=validate,
        backup=entry["backup"],
    )
