# SPDX-License-Identifier: GPL-3.0-or-later
"""Files are written whole or not at all, and what is replaced is kept."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from ansible_collections.kubeops.cluster.plugins.module_utils._core import files
from ansible_collections.kubeops.cluster.plugins.module_utils._core.errors import KubeopsError


def mode(path: str | Path) -> int:
    return stat.S_IMODE(Path(path).stat().st_mode)


def test_reading_what_is_not_there(tmp_path: Path) -> None:
    missing = str(tmp_path / "missing" / "file")
    assert (files.read_text(missing), files.read_bytes(missing), files.sha256(missing)) == (None, None, None)


def test_reading_an_unreadable_thing_is_no_silence(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError):
        files.read_text(str(tmp_path))


def test_write_and_read(tmp_path: Path) -> None:
    path = tmp_path / "file"
    assert files.write_atomic(str(path), "text", 0o600) is None
    assert (files.read_text(str(path)), mode(path)) == ("text", 0o600)
    assert files.sha256(str(path)) == "982d9e3eb996f559e633f4d194def3761d909f5a3b647d1a851fead67c32c9d1"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


def test_what_is_replaced_is_kept_with_its_mode(tmp_path: Path) -> None:
    path, root = tmp_path / "file", tmp_path / "kept"
    files.write_atomic(str(path), "one", 0o600)
    kept = files.write_atomic(str(path), "two", 0o644, backup=True, backup_root=str(root))
    assert kept is not None
    assert kept.startswith(f"{root}{tmp_path}/file.")
    assert (files.read_text(kept), mode(kept), mode(root)) == ("one", 0o600, 0o700)
    assert (files.read_text(str(path)), mode(path)) == ("two", 0o644)


def test_nothing_to_keep(tmp_path: Path) -> None:
    assert files.write_atomic(str(tmp_path / "new"), "x", backup=True, backup_root=str(tmp_path / "kept")) is None


def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    with pytest.raises(KubeopsError, match="user nobody-of-this-name does not exist"):
        files.write_atomic(str(path), "new", owner="nobody-of-this-name")
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


def test_symbolic_links(tmp_path: Path) -> None:
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_text("old")
    link.symlink_to(target)
    with pytest.raises(KubeopsError, match="is a symbolic link"):
        files.write_atomic(str(link), "new")
    files.write_atomic(str(link), "new", follow=True)
    assert files.links([str(target), str(link), str(tmp_path / "none")]) == (f"{link} is a symbolic link to {target}",)
    assert (link.is_symlink(), target.read_text()) == (True, "new")


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to give files away")
def test_owner_stays_unless_told(tmp_path: Path) -> None:
    path = tmp_path / "file"
    files.write_atomic(str(path), "one", owner=12, group="34")
    files.write_atomic(str(path), "two")
    assert (path.stat().st_uid, path.stat().st_gid) == (12, 34)


def test_remove(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("text")
    kept = files.remove(str(path), backup=True, backup_root=str(tmp_path / "kept"))
    assert kept is not None
    assert (path.exists(), files.read_text(kept)) == (False, "text")
    assert files.remove(str(path)) is None
