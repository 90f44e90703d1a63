# SPDX-License-Identifier: GPL-3.0-or-later
"""What the names of snapshots tell."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.kubeops.cluster.plugins.module_utils._core.errors import KubeopsError, Refusal
from ansible_collections.kubeops.cluster.plugins.module_utils._etcd import keep, retention
from ansible_collections.kubeops.cluster.plugins.module_utils._etcd.choice import Choice, Status
from ansible_collections.kubeops.cluster.plugins.module_utils._etcd.model import Member
from ansible_collections.kubeops.cluster.plugins.module_utils._etcd.packing import Packing
from ansible_collections.kubeops.cluster.plugins.module_utils._etcd.throwaway import NotProvenError


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


KEYS = {"count": 5, "hash": 77, "compact_revision": 3}


class Source:
    """A member whose snapshot is whole; what it says of its keys."""

    def __init__(self, keys: dict[str, int] | None) -> None:
        self.keys = keys

    def snapshot(self) -> list[bytes]:
        return []

    def keys_at(self, _revision: int) -> dict[str, int]:
        if self.keys is None:
            raise KubeopsError("required revision has been compacted")
        return self.keys


@pytest.mark.parametrize(
    ("keys", "proof", "kept", "words"),
    [
        (KEYS, {"revision": 9}, True, ""),
        (KEYS, NotProvenError("there is no room"), True, "could not be proven: there is no room"),
        (None, {}, True, "could not be proven: required revision has been compacted"),
        (KEYS, KubeopsError("it has other data"), False, "it has other data"),
    ],
)
def test_what_says_nothing_against_a_snapshot_does_not_cost_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keys: dict[str, int] | None, proof: Any, kept: bool, words: str
) -> None:
    def save(_pieces: object, path: str) -> keep.snapshot.Saved:
        Path(path).write_text("data")
        return keep.snapshot.Saved(4, "ab", "cd")

    def prove(*_arguments: object) -> dict[str, int]:
        if isinstance(proof, KubeopsError):
            raise proof
        return dict(proof)

    monkeypatch.setattr(keep.snapshot, "save", save)
    monkeypatch.setattr(keep.snapshot, "pages", lambda *_, **__: SimpleNamespace(revision=9, raft_index=12))
    monkeypatch.setattr(keep, "prove", prove)
    member = Member("1", "m1", (), ())
    chosen = Choice(Status(member), "the only one", quorum_lost=False)
    request = keep.Request(str(tmp_path), "prod", "daily", prove=True)
    told = ""
    try:
        keep.take(Source(keys), chosen, request, object())  # type: ignore[arg-type]
    except KubeopsError as error:
        told = str(error)
        assert isinstance(error, keep.UnprovenError) is kept
        (path,) = [entry.path for entry in keep.entries(str(tmp_path))] or [None]
        assert error.details.get("snapshot") == path
        assert error.details.get("manifest") == (keep.snapshot.read_manifest(path) if path else None)
    assert words in told and bool(told) == bool(words)
    assert [keep.describe(entry)["condition"] for entry in keep.entries(str(tmp_path))] == ["complete"] * kept
    for entry in keep.entries(str(tmp_path)):
        assert (keep.describe(entry)["manifest"]["proof"] is None) == bool(words)


@pytest.mark.parametrize(
    ("packing", "free", "words"),
    [
        (Packing(), 164, ""),
        (Packing(), 163, "163 MiB are free, 164 are needed: the database has 100, and 64 stay free"),
        (Packing("zstd"), 264, ""),
        (Packing("zstd"), 263, "264 are needed: the database has 100, as it lies there plain and packed for a moment"),
        (Packing(encryption="age"), 263, "264 are needed"),
    ],
)
def test_room_is_asked_for_before_a_byte_is_streamed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, packing: Packing, free: int, words: str
) -> None:
    class Streams:
        def snapshot(self) -> list[bytes]:
            raise KubeopsError("it streams")

    monkeypatch.setattr(keep.shutil, "disk_usage", lambda place: SimpleNamespace(free=free * 2**20))
    chosen = Choice(Status(Member("1", "m1", (), ()), db_size=100 * 2**20), "the only one", quorum_lost=False)
    with pytest.raises(KubeopsError) as raised:
        keep.take(Streams(), chosen, keep.Request(str(tmp_path), "prod", "daily", packing=packing))  # type: ignore[arg-type]
    assert isinstance(raised.value, Refusal) is bool(words)
    assert words in raised.value.seen and (str(tmp_path) in raised.value.what) is bool(words)


WHOLE, UNPROVEN, DAMAGED, BEGAN_ANEW = "P", "u", "x", "a"


@pytest.mark.parametrize(
    ("row", "gone"),
    [
        # Oldest first; two are kept.
        ("PPP", [0]),
        ("PPPuuuu", [0, 3, 4]),
        ("uuuu", [0, 1]),
        ("PuuuP", [1, 2]),
        # What cannot be verified is nothing to remove anything behind, and stays.
        ("PPPuuux", [0, 3, 4]),
        ("PPPxx", [0]),
        ("xxx", []),
        # The last was taken from an etcd that began anew, and could not be proven.
        ("PPPuua", [0]),
        ("PPPuuaaaa", [0, 5, 6]),
    ],
)
def test_what_goes_behind_proven_and_unproven_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, row: str, gone: list[int]
) -> None:
    made = [tmp_path / f"etcd-prod-202611{day}T010000Z-daily.db" for day in range(10, 10 + len(row))]
    for revision, (file, kind) in enumerate(zip(made, row), start=100):
        file.write_text(kind)
        told = {"revision": revision - 100 * (kind == BEGAN_ANEW), "proof": {} if kind == WHOLE else None}
        file.with_name(f"{file.name}.json").write_text(json.dumps(told))

    def check(path: str) -> None:
        if Path(path).read_text() == DAMAGED:
            raise KubeopsError("a byte was changed")

    monkeypatch.setattr(keep.packed, "check", check)
    pruned = keep.prune(str(tmp_path), "prod", {"daily": retention.Rule(count=2)})
    assert [made.index(Path(entry.path)) for entry, __ in pruned] == gone
    assert [made.index(path) for path in made if not path.exists()] == gone
