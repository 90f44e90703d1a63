# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a member has the content that the others have (pure).

A member that diverged serves what it has, and has no alarm unless etcd compares for itself, which kubeadm's does not.
https://etcd.io/docs/v3.6/op-guide/data_corruption/
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from .quorum import quorum

AGREES, DIFFERS, UNKNOWN = "agrees", "differs", "unknown"


@dataclass(frozen=True)
class Content:
    """A verdict, and what was seen."""

    verdict: str = AGREES
    seen: str = ""


def judge(own: str, revision: int, hashes: Mapping[str, tuple[int, int]], voters: int) -> Content:
    """Compare a member with what a quorum of the voters has at a revision.

    hashes: by name, the hash of all keys and the revision up to which they are compacted, without which two hashes do
    not compare. That of a member which never got to the revision is not there.
    """
    ((right, count),) = Counter(hashes.values()).most_common(1)
    mine = hashes.get(own)
    told = ", ".join(f"{name} {hashes[name][0]}" for name in sorted(hashes))
    seen = f"hashes of all keys at revision {revision}: {told}"
    if count < quorum(voters):
        return Content(UNKNOWN, f"{seen}; no {quorum(voters)} of {voters} voters have the same")
    if mine == right:
        return Content(AGREES, seen)
    if mine is None:
        return Content(DIFFERS, f"{seen}; {own} applied all that led there, and is at a lower one")
    if mine[1] == right[1]:
        return Content(DIFFERS, seen)
    return Content(UNKNOWN, f"{seen}; {own} is compacted up to {mine[1]}, the others up to {right[1]}")
