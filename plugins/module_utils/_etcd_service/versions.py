# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which step from one version of etcd to another is safe (pure).

Sources: https://etcd.io/docs/v3.6/upgrades/upgrade_3_6/ (one minor at a time, 3.6 only
from 3.5.26 or later because of the membership that older ones leave in the v2 store),
https://etcd.io/blog/2022/postmortem/ (data inconsistency in 3.5.0 to 3.5.2), and
https://etcd.io/docs/v3.6/downgrades/ (a downgrade has to be announced to the cluster).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from .._core.plan import Refused

Version = tuple[int, int, int]

REFUSED = ((3, 5, 0), (3, 5, 2))
FLOOR_OF_3_6: Version = (3, 5, 26)
WITHOUT_EXPERIMENTAL = (3, 7)

_VERSION = re.compile(r"(\d+)\.(\d+)\.(\d+)")


def parse(text: str) -> Version | None:
    """The first version in a text such as ``etcd Version: 3.6.8``; None where there is none."""
    match = _VERSION.search(text)
    return (int(match[1]), int(match[2]), int(match[3])) if match else None


def shown(version: Version) -> str:
    """As people write it."""
    return ".".join(str(part) for part in version)


def refusals(running: Mapping[str, Version], wanted: Version, settings: Iterable[str]) -> list[Refused]:
    """Why this version must not be started in this cluster; nothing where it may.

    running: version by member, that of a stopped one too; empty for a new cluster. settings: names of settings, as
    flags without dashes or as environment variables.
    """
    found = [*_broken(wanted), *_experimental(wanted, settings)]
    for member, version in sorted(running.items()):
        found += _step(member, version, wanted)
    return found


def _broken(wanted: Version) -> list[Refused]:
    if not REFUSED[0] <= wanted <= REFUSED[1]:
        return []
    evidence = f"etcd {shown(wanted)} can lose consistency between members"
    return [Refused("etcd_version_broken", evidence, "etcd_version", "take 3.5.26 or later")]


def _experimental(wanted: Version, settings: Iterable[str]) -> list[Refused]:
    names = sorted(name for name in settings if "experimental" in name.lower())
    if wanted[:2] < WITHOUT_EXPERIMENTAL or not names:
        return []
    return [
        Refused(
            "etcd_experimental_flags",
            f"etcd {shown(wanted)} does not know {', '.join(names)} and would not start",
            "etcd_settings",
            "use their successors without 'experimental' (for several --feature-gates) while still on 3.6",
        )
    ]


def experimental(settings: Iterable[str]) -> list[str]:
    """Settings that 3.7 removes: reported before the upgrade that would fail on them."""
    return sorted(name for name in settings if "experimental" in name.lower())


def _step(member: str, version: Version, wanted: Version) -> list[Refused]:
    if wanted[:2] < version[:2]:
        return [
            Refused(
                "etcd_downgrade",
                f"{member} has {shown(version)}, and {shown(wanted)} is an older minor",
                "etcd_version",
                "stay on that minor, or restore a snapshot that the older one wrote",
            )
        ]
    if wanted[0] != version[0] or wanted[1] > version[1] + 1:
        return [
            Refused(
                "etcd_one_minor_at_a_time",
                f"{member} has {shown(version)}, and {shown(wanted)} is more than one minor ahead",
                "etcd_version",
                f"go to {version[0]}.{version[1] + 1} first",
            )
        ]
    if version[:2] == (3, 5) and wanted[:2] == (3, 6) and version < FLOOR_OF_3_6:
        return [
            Refused(
                "etcd_floor",
                f"{member} has {shown(version)}; 3.6 may come only after {shown(FLOOR_OF_3_6)} or later",
                "etcd_version",
                f"upgrade all members to {shown(FLOOR_OF_3_6)} or a later 3.5 first",
            )
        ]
    return []
