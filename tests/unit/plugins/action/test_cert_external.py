# SPDX-License-Identifier: GPL-3.0-or-later
"""Which requests come to lie on the controller."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.kubeops.cluster.plugins.action import cert_external


@pytest.mark.parametrize(
    ("there", "dry", "changed", "after"),
    [
        ("", False, True, "csr"),
        ("", True, True, ""),
        ("other", True, True, "other"),
        ("csr", True, False, "csr"),
        ("csr", False, False, "csr"),
    ],
    ids=["new", "new, in check mode", "another, in check mode", "there, in check mode", "there"],
)
def test_what_is_written_and_what_is_only_said(
    tmp_path: Path, there: str, dry: bool, changed: bool, after: str
) -> None:
    path = tmp_path / "cp1" / "apiserver.csr"
    if there:
        path.parent.mkdir()
        path.write_text(there)
    written = cert_external._write(tmp_path / "cp1", {"apiserver": "csr"}, dry=dry)
    assert written == ([str(path)], changed)
    assert (path.read_text() if path.exists() else "") == after
