# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a copy of a member's data is made."""

from __future__ import annotations

import errno
import os
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
    monkeypatch.setattr(salvage, "_obstacle", lambda _place: "")
    monkeypatch.setattr(salvage.shutil, "disk_usage", lambda place: SimpleNamespace(free=free[place]))
    if chosen:
        assert salvage._room(database, tuple(free)) == chosen
        return
    with pytest.raises(Refusal) as error:
        salvage._room(database, tuple(free))
    assert error.value.rule == "no_room"
    assert "3 MiB are needed; beside has 2 MiB free, elsewhere has 2 MiB free" in error.value.seen


@pytest.mark.parametrize(
    ("read_only", "chosen"), [((), "beside"), (("beside",), "elsewhere"), (("beside", "elsewhere"), "")]
)
def test_a_disk_that_became_read_only_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, read_only: tuple[str, ...], chosen: str
) -> None:
    """It still tells its free space."""
    database = tmp_path / "beside" / "member" / "snap" / "db"
    database.parent.mkdir(parents=True)
    database.write_bytes(b"x")
    (tmp_path / "elsewhere").mkdir()
    make = salvage.tempfile.mkdtemp

    def on_disk(suffix: str | None = None, prefix: str | None = None, dir: str | None = None) -> str:
        if Path(str(dir)).name in read_only:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        return make(suffix, prefix, dir)

    monkeypatch.setattr(salvage.tempfile, "mkdtemp", on_disk)
    places = [str(tmp_path / name) for name in ("beside", "elsewhere")]
    if chosen:
        assert salvage._room(database, places) == str(tmp_path / chosen)
        assert list(tmp_path.rglob(f"{salvage.PREFIX}*")) == []
        return
    with pytest.raises(Refusal) as error:
        salvage._room(database, places)
    assert [f"{place} has " in error.value.seen for place in places] == [True, True]
    assert error.value.seen.count("cannot be written: Read-only file system") == 2


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
