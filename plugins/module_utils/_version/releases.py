# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is known of each Kubernetes minor release, with the date it was known.

Sources: https://kubernetes.io/releases/patch-releases/ (dates), KEP-5573 (cgroup v1),
KEP-4033 (cgroup driver from the CRI: containerd 2.0 and CRI-O 1.28 answer RuntimeConfig,
the kubelet insists from 1.38), kubernetes/system-validators (kernel), kubeadm's
constants (etcd). A minor released after AS_OF is handled by rule, with a warning.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from .version import Minor

AS_OF = date(2026, 9, 12)

# kubeadm's own kubelet skew and the three supported minors make older ones upgrade sources only.
OLDEST = Minor(1, 33)

CGROUP_V1_REFUSED_SINCE = Minor(1, 35)
CONTAINERD_2_WANTED_SINCE = Minor(1, 34)
CONTAINERD_2_REQUIRED_SINCE = Minor(1, 38)


@dataclass(frozen=True)
class Release:
    """A minor release: its dates, and the oldest kernel and external etcd kubeadm accepts."""

    minor: Minor
    released: date
    maintenance: date
    end_of_life: date
    kernel: tuple[int, int]
    etcd: tuple[int, int, int]


RELEASES: tuple[Release, ...] = (
    Release(Minor(1, 33), date(2025, 4, 23), date(2026, 4, 28), date(2026, 6, 28), (4, 19), (3, 5, 21)),
    Release(Minor(1, 34), date(2025, 8, 27), date(2026, 8, 27), date(2026, 10, 27), (5, 4), (3, 5, 24)),
    Release(Minor(1, 35), date(2025, 12, 17), date(2026, 12, 28), date(2027, 2, 28), (5, 4), (3, 5, 24)),
    Release(Minor(1, 36), date(2026, 4, 22), date(2027, 4, 28), date(2027, 6, 28), (5, 4), (3, 6, 0)),
    Release(Minor(1, 37), date(2026, 8, 26), date(2027, 8, 28), date(2027, 10, 28), (5, 4), (3, 6, 0)),
)
NEWEST = RELEASES[-1].minor


def release(minor: Minor) -> Release | None:
    """What is known of it; None for one older or newer than the table."""
    return next((entry for entry in RELEASES if entry.minor == minor), None)


def floors(minor: Minor) -> Release:
    """The table's entry, or the nearest one where the minor is not in the table."""
    known = release(minor)
    if known is not None:
        return known
    return RELEASES[-1] if minor > NEWEST else RELEASES[0]


def supported(today: date) -> tuple[Minor, ...]:
    """Minors that still get patches on that day, as far as the table knows."""
    return tuple(entry.minor for entry in RELEASES if entry.released <= today <= entry.end_of_life)
