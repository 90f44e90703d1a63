# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is known of each Kubernetes minor release, with the date it was known (pure).

Sources: https://kubernetes.io/releases/patch-releases/ (dates), KEP-5573 (cgroup v1),
KEP-4033 (cgroup driver from the CRI: containerd 2.0 and CRI-O 1.28 answer RuntimeConfig,
the kubelet insists from 1.38), kubernetes/system-validators (kernel), kubeadm's
constants (etcd, CoreDNS). A minor released after AS_OF is handled by rule, with a warning.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from . import given
from .removals import KNOWN as KNOWN_REMOVALS
from .removals import Removals
from .version import KubeVersion, Minor, numbers

AS_OF = date(2026, 9, 12)

# kubeadm's own kubelet skew and the three supported minors make older ones upgrade sources only.
OLDEST = Minor(1, 33)

CGROUP_V1_REFUSED_SINCE = Minor(1, 35)
CONTAINERD_2_WANTED_SINCE = Minor(1, 34)
CONTAINERD_2_REQUIRED_SINCE = Minor(1, 38)


@dataclass(frozen=True)
class Release:
    """A minor release.

    Attributes:
        released, maintenance, end_of_life: when it came, when it gets security fixes only, when none.
        kernel: oldest kernel that kubeadm accepts.
        etcd: oldest external etcd that kubeadm accepts.
        latest: newest patch known, empty where not known.
        bundled_etcd: etcd that kubeadm of the newest patch known runs, empty where not known.
        coredns: CoreDNS likewise.
    """

    minor: Minor
    released: date
    maintenance: date
    end_of_life: date
    kernel: tuple[int, ...]
    etcd: tuple[int, ...]
    latest: str = ""
    bundled_etcd: str = ""
    coredns: str = ""


def _release(minor: int, days: tuple[str, str, str], kernel: str, latest: str, etcd: str, coredns: str) -> Release:
    released, maintenance, end_of_life = map(date.fromisoformat, days)
    return Release(
        Minor(1, minor), released, maintenance, end_of_life, numbers(kernel), (3, 5, 24), latest, etcd, coredns
    )


RELEASES: tuple[Release, ...] = (
    _release(33, ("2025-04-23", "2026-04-28", "2026-06-28"), "4.19", "1.33.13", "3.5.24", "1.12.0"),
    _release(34, ("2025-08-27", "2026-08-27", "2026-10-27"), "5.4", "1.34.11", "3.6.5", "1.12.1"),
    _release(35, ("2025-12-17", "2026-12-28", "2027-02-28"), "5.4", "1.35.8", "3.6.6", "1.13.1"),
    _release(36, ("2026-04-22", "2027-04-28", "2027-06-28"), "5.4", "1.36.4", "3.6.8", "1.14.2"),
    _release(37, ("2026-08-26", "2027-08-28", "2027-10-28"), "5.4", "", "", ""),
)
NEWEST = RELEASES[-1].minor


@dataclass(frozen=True)
class Catalogue:
    """Releases, oldest first, as they were known on a day."""

    as_of: date = AS_OF
    releases: tuple[Release, ...] = RELEASES
    removals: Removals = KNOWN_REMOVALS

    @property
    def newest(self) -> Minor:
        """The newest minor it knows."""
        return self.releases[-1].minor

    def release(self, minor: Minor) -> Release | None:
        """What is known of it; None for one older or newer than the table."""
        return next((entry for entry in self.releases if entry.minor == minor), None)

    def floors(self, minor: Minor) -> Release:
        """The table's entry, or the nearest one where the minor is not in the table."""
        known = self.release(minor)
        if known is not None:
            return known
        return self.releases[-1] if minor > self.newest else self.releases[0]

    def supported(self, today: date) -> tuple[Minor, ...]:
        """Minors that still get patches on that day, as far as the table knows."""
        return tuple(entry.minor for entry in self.releases if entry.released <= today <= entry.end_of_life)

    def support(self, minor: Minor) -> dict[str, str]:
        """Plain data, days as YYYY-MM-DD: as_of, minor, released, maintenance, end_of_life; empty where not known."""
        known = self.release(minor)
        days = {name: str(getattr(known, name)) if known else "" for name in _DAYS}
        return {"as_of": str(self.as_of), "minor": str(minor), **days}

    def with_overrides(self, data: Mapping[str, Any]) -> Catalogue:
        """The catalogue with newer data laid over it.

        data: as_of (YYYY-MM-DD) and releases, a minor to fields of Release; versions are
        text. A minor that is not in the catalogue needs released and end_of_life. removed is
        what Removals.with_overrides takes. Raises ValueError naming the minor and the field.
        """
        data = given.mapping("release_data", data)
        entries = {entry.minor: entry for entry in self.releases}
        for text, fields in given.mapping("releases", data.get("releases")).items():
            minor = Minor.parse(str(text))
            changes = given.mapping(f"releases: {minor}", fields)
            entries[minor] = _overridden(minor, entries.get(minor), self.floors(minor), changes)
        as_of = _day("as_of", data["as_of"]) if data.get("as_of") else self.as_of
        removals = self.removals.with_overrides(given.mapping("removed", data.get("removed")))
        return Catalogue(as_of, tuple(entries[minor] for minor in sorted(entries)), removals)


KNOWN = Catalogue()


def release(minor: Minor) -> Release | None:
    """What is known of it; None for one older or newer than the table."""
    return KNOWN.release(minor)


def floors(minor: Minor) -> Release:
    """The table's entry, or the nearest one where the minor is not in the table."""
    return KNOWN.floors(minor)


def supported(today: date) -> tuple[Minor, ...]:
    """Minors that still get patches on that day, as far as the table knows."""
    return KNOWN.supported(today)


_DAYS = ("released", "maintenance", "end_of_life")
_NUMBERS = ("kernel", "etcd")
_TEXTS = ("latest", "bundled_etcd", "coredns")


def _overridden(minor: Minor, known: Release | None, nearest: Release, fields: Mapping[str, Any]) -> Release:
    unknown = sorted(set(fields) - {*_DAYS, *_NUMBERS, *_TEXTS})
    if unknown:
        raise ValueError(f"{minor}: {unknown[0]!r} is no field; known are {', '.join((*_DAYS, *_NUMBERS, *_TEXTS))}")
    changes: dict[str, Any] = {name: _day(f"{minor}: {name}", fields[name]) for name in _DAYS if name in fields}
    changes.update({name: _numbers(f"{minor}: {name}", fields[name]) for name in _NUMBERS if name in fields})
    changes.update({name: _text(f"{minor}: {name}", fields[name]) for name in _TEXTS if name in fields})
    if known is not None:
        return replace(known, **changes)
    missing = [name for name in ("released", "end_of_life") if name not in changes]
    if missing:
        raise ValueError(f"{minor}: {missing[0]} is missing")
    changes.setdefault("maintenance", changes["end_of_life"])
    unsure = {"minor": minor, "latest": "", "bundled_etcd": "", "coredns": ""}
    return replace(nearest, **{**unsure, **changes})


def _day(name: str, value: Any) -> date:
    # YAML makes a date of it by itself.
    if isinstance(value, date):
        return value
    try:
        return date.fromisoformat(str(value))
    except ValueError as error:
        raise ValueError(f"{name} is {value!r}, no day such as 2026-09-12") from error


def _numbers(name: str, value: Any) -> tuple[int, ...]:
    found = numbers(str(value))
    if not found:
        raise ValueError(f"{name} is {value!r}, no version such as 3.5.24")
    return found


def _text(name: str, value: Any) -> str:
    try:
        return str(KubeVersion.parse(str(value)))
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error
