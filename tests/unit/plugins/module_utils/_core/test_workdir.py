# SPDX-License-Identifier: GPL-3.0-or-later
"""Directories of one run, and what killed ones leave."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.kubeops.cluster.plugins.module_utils._core import workdir


def test_it_goes_at_the_end_even_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), workdir.work_directory(str(tmp_path), ".x-") as made:
        assert Path(made).stat().st_mode & 0o777 == 0o700
        Path(made, "file").write_text("secret")
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_what_lives_stays_and_what_was_left_goes(tmp_path: Path) -> None:
    (tmp_path / ".x-left").mkdir()
    (tmp_path / ".y-other").mkdir()
    ended: list[str] = []
    with workdir.work_directory(str(tmp_path), ".x-", ended.append) as living:
        assert ended == [str(tmp_path / ".x-left")]
        assert workdir.sweep(str(tmp_path), ".x-") == []
        assert Path(living).is_dir()
    assert sorted(path.name for path in tmp_path.iterdir()) == [".y-other"]
