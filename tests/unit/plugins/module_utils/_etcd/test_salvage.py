# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a copy of a member's data is made."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from ansible_collections.kubeops.cluster.plugins.module_utils._core.errors import Refusal
from ansible_collections.kubeops.cluster.plugins.module_utils._etcd import salvage

MIB = 2**20


@pytest.mark.parametrize(
    ("beside", "elsewhere", "chosen"),
    [(3, 0, "beside"), (9, 9, "beside"), (2, 3, "elsewhere"), (2, 2, "")],
)
def test_the_first_place_with_room_for_database_and_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, beside: int, elsewhere: int, chosen: str
) -> None:
    """The data takes 3 MiB; so many are free."""
    database = tmp_path / "member" / "snap" / "db"
    for path, size in ((database, 2), (tmp_path / "member" / "wal" / "0.wal", 1)):
        path.parent.mkdir(parents=True)
        path.write_bytes(b"x" * size * MIB)
    free = {"beside": beside * MIB, "elsewhere": elsewhere * MIB}
    monkeypatch.setattr(salvage.shutil, "disk_usage", lambda place: SimpleNamespace(free=free[place]))
    if chosen:
        assert salvage._room(database, tuple(free)) == chosen
        return
    with pytest.raises(Refusal) as error:
        salvage._room(database, tuple(free))
    assert error.value.rule == "no_room"
    assert "3 MiB are needed; beside has 2 MiB free, elsewhere has 2 MiB free" in error.value.seen


def test_what_a_killed_run_left_goes_before_room_is_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    database = tmp_path / "member" / "snap" / "db"
    elsewhere = tmp_path / "elsewhere"
    left = [tmp_path / f"{salvage.PREFIX}1", elsewhere / f"{salvage.PREFIX}2"]
    for directory in (database.parent, *left):
        directory.mkdir(parents=True)
    database.touch()
    monkeypatch.setattr(salvage.workdir, "room", lambda: str(elsewhere))

    def room(_database: Path, _places: object) -> str:
        assert [path for path in left if path.exists()] == []
        raise Refusal("asked")

    monkeypatch.setattr(salvage, "_room", room)
    with pytest.raises(Refusal, match="asked"):
        salvage.run(str(tmp_path), "m1", None, None)  # type: ignore[arg-type]
