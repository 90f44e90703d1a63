# SPDX-License-Identifier: GPL-3.0-or-later
"""What is looked at on the controller before a kubeconfig is left alone."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.kubeops.cluster.plugins.action import user_kubeconfig
from ansible_collections.kubeops.cluster.plugins.module_utils._core.errors import KubeopsError


@pytest.mark.parametrize(("mode", "reason"), [(0o600, ""), (0o644, "its mode is 0644")])
def test_a_key_that_others_could_read_is_made_anew(tmp_path: Path, mode: int, reason: str) -> None:
    dest = tmp_path / "jane.conf"
    dest.touch()
    dest.chmod(mode)
    assert user_kubeconfig._opened(dest) == reason


def test_what_cannot_be_read_is_said(tmp_path: Path) -> None:
    assert user_kubeconfig._text_of(tmp_path / "none") == ""
    with pytest.raises(KubeopsError, match="dest cannot be read"):
        user_kubeconfig._text_of(tmp_path)
