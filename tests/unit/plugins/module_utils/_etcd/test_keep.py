# SPDX-License-Identifier: GPL-3.0-or-later
"""What the names of snapshots tell."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ansible_collections.kubeops.cluster.plugins.module_utils._etcd import keep, retention


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("etcd-prod-20261121T010000Z-daily.db", ("prod", "daily")),
        ("/backup/cp1/etcd-prod-20261121T010000Z-daily.db.zst.age", ("prod", "daily")),
        # A name is compared whole: neither of these is of the cluster "prod".
        ("etcd-prod-eu-20261121T010000Z-hourly.db.gz", ("prod-eu", "hourly")),
        ("etcd-eu.prod-20261121T010000Z-hourly.db.enc", ("eu.prod", "hourly")),
        ("my-etcd-prod-20261121T010000Z-daily.db", None),
        ("etcd-prod-20261121T010000Z-daily.db.json", None),
        ("etcd-prod-20261121T010000Z-daily.db.partial", None),
        ("etcd-20261121T010000Z-daily.db", None),
    ],
)
def test_cluster_and_class_of_a_name(name: str, told: tuple[str, str] | None) -> None:
    assert [(entry.cluster_name, entry.schedule) for entry in keep.named([name])] == ([told] if told else [])


@pytest.mark.parametrize(
    ("name", "manifest", "cluster", "taken_at"),
    [
        ("etcd-prod-20261121T010000Z-daily.db", {}, "prod", "2026-11-21T01:00:00+00:00"),
        (
            "etcd-prod-20261121T010000Z-daily.db",
            {"cluster_name": "prod", "taken_at": "2026-11-21T01:00:00.123456+00:00"},
            "prod", "2026-11-21T01:00:00+00:00",
        ),
        (
            "renamed.db", {"cluster_name": "eu", "taken_at": "2026-11-21T02:00:00.900000+01:00"},
            "eu", "2026-11-21T01:00:00+00:00",
        ),
        ("etcd-prod-20261121T010000Z-daily.db", {"cluster_name": "eu"}, "eu", "2026-11-21T01:00:00+00:00"),
        ("renamed.db", {}, "", ""),
    ],
)  # fmt: skip
def test_origin(name: str, manifest: dict[str, str], cluster: str, taken_at: str) -> None:
    assert keep.origin(f"/backup/{name}", manifest) == {"cluster_name": cluster, "taken_at": taken_at}


def test_of_clusters_that_share_a_place_one_is_looked_at() -> None:
    names = [f"etcd-{cluster}-2026112{day}T010000Z-daily.db" for day in range(3) for cluster in ("a", "a-b", "b")]
    found = retention.of_cluster(keep.named(names), "a")
    assert [entry.path for entry in found] == [f"etcd-a-2026112{day}T010000Z-daily.db" for day in range(3)]


@pytest.mark.parametrize(
    ("revisions", "boundary"),
    [
        ([10, 20, 30], 0),
        ([10, 20, 20], 0),
        # The last was taken from an etcd that began anew.
        ([10, 20, 5], 2),
        ([30, 20, 25], 1),
        ([None, 20, 30], 0),
        ([10, 20, None], 2),
    ],
)
def test_what_may_be_all_that_is_left(tmp_path: Path, revisions: list[int | None], boundary: int) -> None:
    """boundary: the number of the last that has to stay, 0 for none."""
    for day, revision in enumerate(revisions, start=1):
        file = tmp_path / f"etcd-prod-2026112{day}T010000Z-daily.db"
        file.touch()
        if revision is not None:
            file.with_name(f"{file.name}.json").write_text(json.dumps({"revision": revision}))
    present = keep.entries(str(tmp_path))
    limit = keep.lost_before(present, present[-1])
    assert sum(entry.taken_at <= limit for entry in present) == boundary


@pytest.mark.parametrize(
    ("left", "goes"),
    [
        ("etcd-prod-20261120T010000Z-daily.db.partial", True),
        ("etcd-prod-20261120T010000Z-weekly.db.zst.age.partial", True),
        ("etcd-prod-20261120T010000Z-daily.db.json.partial", True),
        ("etcd-prod-20261120T010000Z-daily.db", False),
        ("etcd-prod-eu-20261120T010000Z-daily.db.partial", False),
        ("notes.partial", False),
    ],
)
@pytest.mark.parametrize("suffix", ["", ".json"])
def test_what_killed_runs_left_elsewhere(left: str, goes: bool, suffix: str) -> None:
    assert keep.abandoned([left], f"etcd-prod-20261121T010000Z-daily.db{suffix}") == [left] * goes
    assert keep.abandoned([left], "notes") == []
