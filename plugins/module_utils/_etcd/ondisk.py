# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host knows of its cluster by itself: from the data directory, the snapshots kept, and a member's metrics."""

from __future__ import annotations

import fcntl
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from .._core.errors import KubeopsError
from .._kubeadm import static_pod
from .._static_pods import pods
from . import identity, keep, leader, restore, snapshot


@dataclass(frozen=True)
class OnDisk:
    """A data directory.

    Attributes:
        has_data: a member's database is there.
        running: an etcd has it open; what its pages say is not asked for then.
        kubernetes_uid, kubernetes_cas: of which cluster it is, see ``identity``; empty where it is not known.
        revision, raft_index: of the database. The log beside it may hold more.
        served_revision: the highest that clients can have seen of this data, which is another one after a restore
            that was not started since.
        voters: how many members of the cluster have a vote, by the database.
        has_leader: whether the member that runs has one; None where nothing runs, it was not asked, or does not say.
    """

    has_data: bool
    running: bool = False
    kubernetes_uid: str = ""
    kubernetes_cas: tuple[str, ...] = ()
    revision: int = 0
    raft_index: int = 0
    served_revision: int = 0
    voters: int = 0
    damage: str = ""
    has_leader: bool | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return plain data for results."""
        return asdict(self)


def of_static_pod(data_dir: str, metrics_url: str = "") -> tuple[str, str]:
    """Return where kubeadm's etcd has its data and its metrics, by its manifest in use or set aside, else as given."""
    pod = static_pod.parse(pods.manifest_text("etcd"))
    metrics = pod.argument("listen-metrics-urls", metrics_url) if metrics_url else ""
    return pod.argument("data-dir", data_dir), metrics.partition(",")[0]


def observe(data_dir: str, *, identify: bool = True, metrics_url: str = "") -> OnDisk:
    """Look into a data directory without changing it.

    identify: find of which cluster it is, which reads all of it.
    metrics_url: where a member that has it open is asked whether it has a leader; empty asks nobody.
    """
    database = Path(data_dir, "member", "snap", "db")
    try:
        if not database.exists():
            return OnDisk(has_data=False)
        found = snapshot.identity_of(str(database)) if identify else identity.Search()
        if is_open(database):
            led = leader.has_leader(metrics_url) if metrics_url else None
            return OnDisk(True, True, found.uid, found.cas, has_leader=led)
        contents = snapshot.pages(str(database), deep=identify)
        served = int(restore.untouched(data_dir).get("above_revision", contents.revision))
    except (KubeopsError, ValueError, OSError) as error:
        return OnDisk(has_data=True, damage=str(error))
    return OnDisk(
        True, False, found.uid, found.cas, contents.revision, contents.raft_index, served, voters=contents.voters
    )


def is_open(database: Path) -> bool:
    """Tell whether an etcd runs on it, which locks it. The disk may be one that cannot be written any more."""
    with database.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def newest(directory: str, cluster_name: str) -> Mapping[str, Any]:
    """Return the newest complete snapshot of this cluster in a directory; empty where there is none."""
    for entry in reversed(keep.entries(directory)):
        described = keep.describe(entry)
        manifest = described["manifest"] or {}
        if described["condition"] == "complete" and manifest.get("cluster_name") == cluster_name:
            return described
    return {}
