# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hashes of installed files that are not read again while the file is untouched, the way git's index does it. Pure.

Any write, rename or change of attributes moves the change time (ctime), which no program can set.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

PATH = "/var/lib/kubeops/installed.json"


@dataclass(frozen=True)
class Fingerprint:
    """What stat(2) says: inode, bytes, and nanoseconds since the epoch."""

    inode: int
    size: int
    mtime_ns: int
    ctime_ns: int


@dataclass(frozen=True)
class Known:
    fingerprint: Fingerprint
    sha256: str


@dataclass(frozen=True)
class Archive:
    """An extracted archive: its own sha256, and that of each member by installed path."""

    sha256: str
    members: Mapping[str, str]


@dataclass
class Index:
    """`files` by path; `archives` by name."""

    files: dict[str, Known] = field(default_factory=dict)
    archives: dict[str, Archive] = field(default_factory=dict)

    def known_hash(self, path: str, fingerprint: Fingerprint) -> str | None:
        known = self.files.get(path)
        return known.sha256 if known and known.fingerprint == fingerprint else None

    def dumps(self) -> str:
        return json.dumps(asdict(self), indent=1, sort_keys=True) + "\n"


def loads(text: str | None) -> Index:
    """The index; an unreadable one counts as empty, it is only a shortcut."""
    try:
        document = json.loads(text or "{}")
        files = {
            path: Known(Fingerprint(**known["fingerprint"]), known["sha256"])
            for path, known in document.get("files", {}).items()
        }
        archives = {name: Archive(**archive) for name, archive in document.get("archives", {}).items()}
    except (ValueError, TypeError, KeyError, AttributeError):
        return Index()
    return Index(files, archives)
