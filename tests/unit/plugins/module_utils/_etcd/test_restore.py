# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps of a restore, from what a data directory holds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from ansible_collections.kubeops.cluster.plugins.module_utils._core.errors import Refusal
from ansible_collections.kubeops.cluster.plugins.module_utils._etcd import leash, restore
from ansible_collections.kubeops.cluster.plugins.module_utils._etcd.restore import Layout, Observed, Request
from ansible_collections.kubeops.cluster.plugins.module_utils._etcd.snapshot import Facts

NOTHING = Observed(has_data=False, current=False, ready=False, unfinished=False)
REQUEST = Request("/s.db", "/d", "m1", {"m1": "https://192.0.2.1:2380", "m2": "https://192.0.2.2:2380"})
FACTS = Facts(4128, "ab", "trailer", 7, 9, {}, "")

STEPS: dict[str, tuple[Observed, list[str]]] = {
    "an empty disk": (NOTHING, ["restore", "place", "finish"]),
    "old data": (replace(NOTHING, has_data=True), ["restore", "keep_aside", "place", "finish"]),
    "killed before the old data was moved": (
        replace(NOTHING, has_data=True, ready=True, leftovers=True), ["keep_aside", "place", "finish"],
    ),
    "killed between the two renames": (replace(NOTHING, ready=True, leftovers=True), ["place", "finish"]),
    "killed before the mark was moved": (
        replace(NOTHING, has_data=True, unfinished=True, leftovers=True), ["finish"],
    ),
    "killed at the very end": (replace(NOTHING, has_data=True, current=True, leftovers=True), ["clean"]),
    "done": (replace(NOTHING, has_data=True, current=True), []),
}  # fmt: skip


@pytest.mark.parametrize(("seen", "steps"), STEPS.values(), ids=STEPS)
def test_steps(seen: Observed, steps: list[str]) -> None:
    assert [step.action for step in restore.plan(Layout("/d"), seen).steps] == steps


@pytest.mark.parametrize(
    ("request_", "facts", "bump", "there", "absent"),
    [
        (REQUEST, FACTS, 5, ["--bump-revision=5", "--mark-compacted"], ["--skip-hash-check"]),
        (replace(REQUEST, mark_compacted=False), FACTS, 5, ["--bump-revision=5"], ["--mark-compacted"]),
        (REQUEST, FACTS, 0, [], ["--mark-compacted"]),
        (REQUEST, replace(FACTS, proven_by="manifest"), 0, ["--skip-hash-check"], []),
    ],
)
def test_command(request_: Request, facts: Facts, bump: int, there: list[str], absent: list[str]) -> None:
    words = restore.command("etcdutl", request_, "/s.db", "/d/x", facts, bump)
    assert words[:4] == ["etcdutl", "snapshot", "restore", "/s.db"]
    assert "--initial-cluster=m1=https://192.0.2.1:2380,m2=https://192.0.2.2:2380" in words
    assert "--initial-advertise-peer-urls=https://192.0.2.1:2380" in words
    assert set(there) <= set(words) and not set(absent) & set(words)


@pytest.mark.parametrize(
    ("bump", "above", "revision", "restored"),
    [
        (0, 0, 7, 7),
        (0, 90, 7, 7),
        (10, 0, 7, 17),
        (10, 5, 7, 17),
        (10, 7, 7, 17),
        (10, 90, 7, 100),  # restored before at 17, and written to since
    ],
)
def test_revision_moves_past_the_snapshot_and_what_clients_have_seen(
    bump: int, above: int, revision: int, restored: int
) -> None:
    assert revision + replace(REQUEST, bump_revision=bump, above_revision=above).bump(revision) == restored


def test_id_of_the_cluster_is_of_token_and_peers() -> None:
    urls = ["https://192.0.2.1:2380", "https://192.0.2.2:2380"]
    known = restore.cluster_id(urls, "prod")
    assert known == restore.cluster_id(reversed(urls), "prod")
    assert known not in (restore.cluster_id(urls, "other"), restore.cluster_id(urls[:1], "prod"))


def test_another_restore_has_another_identity() -> None:
    known = {
        REQUEST.identity("ab", 5), REQUEST.identity("ac", 5), REQUEST.identity("ab", 6),
        replace(REQUEST, token="t").identity("ab", 5), replace(REQUEST, name="m2").identity("ab", 5),
        replace(REQUEST, initial_cluster={"m1": "https://192.0.2.1:2380"}).identity("ab", 5),
    }  # fmt: skip
    assert len(known) == 6
    other_order = replace(REQUEST, initial_cluster=dict(reversed(REQUEST.initial_cluster.items())))
    assert other_order.identity("ab", 5) in known


@pytest.mark.parametrize("left", ["restored.7.partial", "restored", ""])
def test_what_killed_runs_left_counts_as_free(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, left: str) -> None:
    """It goes before anything is restored."""
    if left:
        (tmp_path / left / "member").mkdir(parents=True)
        (tmp_path / left / "member" / "db").write_bytes(b"x" * 2**20)
    short = SimpleNamespace(free=FACTS.size + leash.ROOM_FOR_LOG - 2**20)
    monkeypatch.setattr(restore.shutil, "disk_usage", lambda _place: short)
    decided = restore.plan(Layout(str(tmp_path)), NOTHING)
    request = replace(REQUEST, data_dir=str(tmp_path))
    if left:
        restore._refuse_without_room(request, FACTS, decided)
        return
    with pytest.raises(Refusal, match="has no room"):
        restore._refuse_without_room(request, FACTS, decided)


@pytest.mark.parametrize("there", [True, False])
def test_a_read_only_disk_is_found_before_anything_is_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: bool
) -> None:
    """It tells its free space all the same."""
    data_dir = tmp_path if there else tmp_path / "etcd"
    monkeypatch.setattr(restore.os, "access", lambda place, _mode: place != tmp_path)
    request = replace(REQUEST, data_dir=str(data_dir))
    decided = restore.plan(Layout(str(data_dir)), NOTHING)
    with pytest.raises(Refusal, match="cannot be written") as refused:
        restore._refuse_without_room(request, FACTS, decided)
    assert refused.value.rule == "read_only"
