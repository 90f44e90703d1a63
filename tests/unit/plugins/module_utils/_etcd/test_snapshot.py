# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run that is killed leaves under a final name."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
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
