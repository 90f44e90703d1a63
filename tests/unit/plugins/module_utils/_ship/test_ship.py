# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes at a place, and what is said where it does not."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.kubeops.cluster.plugins.module_utils._core.errors import KubeopsError
from ansible_collections.kubeops.cluster.plugins.module_utils._core.runner import Programs, Runner
from ansible_collections.kubeops.cluster.plugins.module_utils._etcd.argspec import RETENTION
from ansible_collections.kubeops.cluster.plugins.module_utils._etcd.retention import Rule
from ansible_collections.kubeops.cluster.plugins.module_utils._ship import argspec, ship


@dataclass
class Shelf:
    """A place that has names, and manifests that say a revision."""

    deletes: bool = True
    revisions: dict[str, int] = field(default_factory=dict)
    manifests: dict[str, dict[str, object]] = field(default_factory=dict)
    held: list[str] = field(default_factory=list)
    label: str = "shelf"

    def check(self) -> None:
        pass

    def put(self, path: str, name: str) -> None:
        assert Path(path).exists()
        self.held.append(name)

    def names(self) -> list[str]:
        return list(self.held)

    def read(self, name: str) -> bytes:
        if name in self.manifests:
            return json.dumps(self.manifests[name]).encode()
        if name not in self.revisions:
            raise KubeopsError(f"there is no {name}")
        return json.dumps({"revision": self.revisions[name]}).encode()

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
    held = [Path(path).name for path in made[:-1]]
    shelf = Shelf(held=held, revisions={f"{name}.json": revision for name, revision in zip(held, revisions)})
    (shipped,) = ship.ship(made[-1], [ship.Place(shelf, {"daily": Rule(count=2)})])
    stayed = [Path(path).name for path, revision in zip(made, revisions) if revision in kept]
    assert [name for name in shelf.held if name.endswith(".db")] == stayed
    assert len(shipped["pruned"]) == len(made) - len(kept)


@pytest.mark.parametrize(
    ("row", "gone"),
    [("PPPu", []), ("PPuuuu", [2, 3]), ("uuuu", [0, 1]), ("PuPuP", [0, 1]), ("PPPP", [0, 1])],
)
@pytest.mark.parametrize("known", [True, False], ids=["the sender has them", "the place alone has them"])
def test_nothing_proven_goes_for_the_sake_of_an_unproven_one(
    tmp_path: Path, row: str, gone: list[int], known: bool
) -> None:
    """Oldest first, P is proven and u is not; two are kept."""
    made = [Path(path) for path in snapshots(tmp_path, list(range(len(row))))]
    manifests: list[dict[str, object]] = [
        {"revision": revision, "proof": None if kind == "u" else {"revision": revision}}
        for revision, kind in enumerate(row)
    ]
    for path, manifest in zip(made, manifests):
        path.with_name(f"{path.name}.json").write_text(json.dumps(manifest))
    shelf = Shelf(held=[path.name for path in made[:-1]])
    shelf.manifests = {f"{path.name}.json": manifest for path, manifest in zip(made, manifests)}
    for path in [] if known else made[:-1]:
        path.unlink()
        path.with_name(f"{path.name}.json").unlink()
    ship.ship(str(made[-1]), [ship.Place(shelf, {"daily": Rule(count=2)})])
    assert [number for number, path in enumerate(made) if path.name not in shelf.held] == gone


def test_a_place_that_deletes_nothing_is_told_of(tmp_path: Path) -> None:
    made = snapshots(tmp_path, [1, 2])
    shelf = Shelf(deletes=False, held=[Path(made[0]).name], revisions={f"{Path(made[0]).name}.json": 1})
    with pytest.raises(KubeopsError, match="does not remove what is over its retention"):
        ship.ship(made[1], [ship.Place(shelf, {"daily": Rule(count=1)})])
    assert Path(made[1]).name in shelf.held


@pytest.mark.parametrize(
    ("there", "words"),
    [
        ([1, 2, 3], ""),
        ([1, 2, 4], ""),
        ([1, 2, 9], "is of revision 9, this one of 4"),
        # The last there began anew, too.
        ([9, 2, 3], "is of revision 9, this one of 4"),
        ([1, 2, None], "cannot be read"),
        ([None, 2, 3], "cannot be read"),
        ([1, None, 3], ""),
    ],
)
def test_a_sender_that_knows_of_nothing_before_removes_no_more_than_its_snapshot_replaces(
    tmp_path: Path, there: list[int | None], words: str
) -> None:
    made = snapshots(tmp_path, [0, 0, 0, 4])
    for path in made[:-1]:
        Path(path).unlink()
    held = [Path(path).name for path in made[:-1]]
    revisions = {f"{name}.json": revision for name, revision in zip(held, there) if revision is not None}
    shelf = Shelf(held=list(held), revisions=revisions)
    place = ship.Place(shelf, {"daily": Rule(count=3)})
    if not words:
        ship.ship(made[-1], [place])
        assert held[0] not in shelf.held and held[1] in shelf.held
        return
    with pytest.raises(KubeopsError, match=words):
        ship.ship(made[-1], [place])
    assert set(held) < set(shelf.held) and Path(made[-1]).name in shelf.held


S3 = {"type": "s3", "endpoint": "https://s3", "bucket": "b", "access_key": "a", "secret_key": "s"}


@pytest.mark.parametrize(
    ("given", "rules"),
    [
        ({}, {"daily": Rule(count=7)}),
        ({"retention": {}}, {"daily": Rule(count=7)}),
        ({"retention": {"hourly": None}}, {"daily": Rule(count=7)}),
        ({"retention": {"hourly": {"count": 3}}}, {"hourly": Rule(count=3)}),
        # Nothing goes there.
        ({"retention": {"daily": {}}}, {"daily": Rule()}),
    ],
)
def test_a_target_without_a_retention_of_its_own_has_that_of_the_others(
    given: dict[str, Any], rules: dict[str, Rule]
) -> None:
    spec = ArgumentSpecValidator({"targets": argspec.TARGETS, "retention": RETENTION})
    asked = spec.validate({"targets": [{**S3, **given}], "retention": {"daily": {"count": 7}}})
    assert not asked.error_messages
    options = asked.validated_parameters
    for target in (*options["targets"], argspec.with_defaults({**S3, **given})):
        (place,) = ship.places([target], options["retention"], "", Runner(Programs()))
        assert place.rules == rules
