# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run that is killed leaves under a final name."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path

import pytest
from ansible_collections.kubeops.cluster.plugins.module_utils._core.errors import KubeopsError, Refusal
from ansible_collections.kubeops.cluster.plugins.module_utils._etcd import snapshot

NAME = "etcd-prod-20261121T010000Z-daily.db.zst"


@pytest.mark.parametrize(
    ("killed_in", "left"),
    [
        ("write_atomic", [f"{NAME}.partial"]),
        ("sync_directory", [f"{NAME}.json", f"{NAME}.partial"]),
        ("", [NAME, f"{NAME}.json"]),
    ],
)
def test_no_snapshot_without_its_manifest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, killed_in: str, left: list[str]
) -> None:
    partial, final = tmp_path / f"{NAME}.partial", tmp_path / NAME
    partial.write_text("packed")

    def killed(*_args: object, **_options: object) -> None:
        raise KeyboardInterrupt

    if killed_in:
        monkeypatch.setattr(snapshot.files, killed_in, killed)
        with pytest.raises(KeyboardInterrupt):
            snapshot.publish(str(partial), str(final), {"size": 6})
    else:
        snapshot.publish(str(partial), str(final), {"size": 6})
        assert json.loads((tmp_path / f"{NAME}.json").read_text()) == {"size": 6}
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(left)


def test_manifests_without_their_snapshot_go(tmp_path: Path) -> None:
    """Not one that a run of another cluster has just moved here, before its snapshot."""
    arriving = "etcd-eu-20261121T020000Z-daily.db.json"
    kept = [NAME, f"{NAME}.json", "notes.json", arriving, snapshot.LOCK]
    lone = tmp_path / "etcd-prod-20261121T020000Z-daily.db.json"
    for name in (*kept, lone.name, f"{NAME}.partial"):
        (tmp_path / name).touch()
    for name in (*kept[:3], lone.name):
        os.utime(tmp_path / name, (1, 1))
    with snapshot.exclusive(str(tmp_path)):
        assert sorted(path.name for path in tmp_path.iterdir()) == sorted(kept)


MANIFEST = {
    "format": 1, "cluster_name": "prod", "revision": 7, "raft_index": 9, "size": 4128, "sha256": "ab",
    "taken_at": "2026-11-20T01:00:00+00:00", "keys": {"count": 5, "hash": 77, "compact_revision": 3}, "proof": None,
    "stored": {"compression": "none", "encryption": "none", "size": 4128, "sha256": "cd"}, "member": {"name": "m1"},
}  # fmt: skip


@pytest.mark.parametrize("without", [[], ["keys", "proof"], ["stored"], list(MANIFEST)])
def test_a_manifest_reads_back(without: list[str]) -> None:
    told = {name: value for name, value in MANIFEST.items() if name not in without}
    assert snapshot.parse_manifest("s.db", json.dumps(told).encode()) == told


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('"size": 4128', '"size": 4e999', "size is Infinity"),
        ('"revision": 7', '"revision": "7"', "revision is"),
        ('"taken_at": "2026', '"taken_at": "x026', "taken_at is"),
        ("+00:00", "", "taken_at is"),
        ('"revision": 7', '"revision": null', "revision is null"),
        ('"count"', '"cound"', "keys is"),
        ('"hash": 77', '"hash": 7e7', "keys is"),
        ('"sha256": "cd"', '"sha256": 1', "stored is"),
        ('"proof": null', '"proof": 1111', "proof is 1111"),
        ('"format"', "'format\"", "is no JSON"),
        ("prod", "pr\udcffd", "is no JSON"),
    ],
)
def test_a_manifest_that_was_changed_is_told_of(old: str, new: str, words: str) -> None:
    text = json.dumps(MANIFEST).replace(old, new)
    assert text != json.dumps(MANIFEST)
    with pytest.raises(KubeopsError) as raised:
        snapshot.parse_manifest("s.db", text.encode("utf-8", "surrogateescape"))
    assert words in raised.value.seen


@pytest.mark.parametrize("wait", [0.0, 0.3])
def test_a_directory_is_one_runs_alone(tmp_path: Path, wait: float) -> None:
    with (
        snapshot.exclusive(str(tmp_path)),
        pytest.raises(Refusal, match="another run works") as refused,
        snapshot.exclusive(str(tmp_path), wait),
    ):
        pytest.fail("two held it")
    assert refused.value.rule == "snapshots_locked"


def test_who_waits_gets_the_directory_after_the_other(tmp_path: Path) -> None:
    ended = threading.Event()
    with snapshot.exclusive(str(tmp_path)):

        def wait() -> None:
            with snapshot.exclusive(str(tmp_path), 30):
                ended.set()

        other = threading.Thread(target=wait)
        other.start()
        assert not ended.wait(0.3)
    other.join(30)
    assert ended.is_set()


@pytest.mark.parametrize("names", [[NAME, f"{NAME}.json"], [NAME]], ids=["with its manifest", "alone"])
def test_a_copy_survives_a_power_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, names: list[str]) -> None:
    synced: list[str] = []
    monkeypatch.setattr(snapshot.files, "sync", synced.append)
    monkeypatch.setattr(snapshot.files, "sync_directory", synced.append)
    for name in names:
        (tmp_path / name).touch()
    snapshot.settle(str(tmp_path / NAME))
    assert synced == [*(str(tmp_path / name) for name in names), str(tmp_path)]
