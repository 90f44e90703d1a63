# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes at a place, and what is said where it does not."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from ansible_collections.kubeops.cluster.plugins.module_utils._core.errors import KubeopsError
from ansible_collections.kubeops.cluster.plugins.module_utils._etcd.retention import Rule
from ansible_collections.kubeops.cluster.plugins.module_utils._ship import ship


@dataclass
class Shelf:
    """A place that has names only."""

    deletes: bool = True
    held: list[str] = field(default_factory=list)
    label: str = "shelf"

    def check(self) -> None:
        pass

    def put(self, path: str, name: str) -> None:
        assert Path(path).exists()
        self.held.append(name)

    def names(self) -> list[str]:
        return list(self.held)

    def remove(self, name: str) -> None:
        if self.deletes and name in self.held:
            self.held.remove(name)


def snapshots(directory: Path, revisions: list[int]) -> list[str]:
    """One a day, with its manifest."""
    made = []
    for day, revision in enumerate(revisions, start=10):
        path = directory / f"etcd-prod-202611{day}T010000Z-daily.db"
        path.touch()
        path.with_name(f"{path.name}.json").write_text(json.dumps({"revision": revision}))
        made.append(str(path))
    return made


@pytest.mark.parametrize(
    ("revisions", "kept"),
    [([1, 2, 3, 4], [3, 4]), ([1, 2, 9, 4], [1, 2, 9, 4]), ([9, 2, 3, 4], [9, 3, 4])],
    ids=["one after the other", "the last began anew", "the second began anew"],
)
def test_what_may_be_all_that_is_left_stays(tmp_path: Path, revisions: list[int], kept: list[int]) -> None:
    made = snapshots(tmp_path, revisions)
    shelf = Shelf(held=[Path(path).name for path in made[:-1]])
    (shipped,) = ship.ship(made[-1], [ship.Place(shelf, {"daily": Rule(count=2)})])
    stayed = [Path(path).name for path, revision in zip(made, revisions) if revision in kept]
    assert [name for name in shelf.held if name.endswith(".db")] == stayed
    assert len(shipped["pruned"]) == len(made) - len(kept)


def test_a_place_that_deletes_nothing_is_told_of(tmp_path: Path) -> None:
    made = snapshots(tmp_path, [1, 2])
    shelf = Shelf(deletes=False, held=[Path(made[0]).name])
    with pytest.raises(KubeopsError, match="does not remove what is over its retention"):
        ship.ship(made[1], [ship.Place(shelf, {"daily": Rule(count=1)})])
    assert Path(made[1]).name in shelf.held
