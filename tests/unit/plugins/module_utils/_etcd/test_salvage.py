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
