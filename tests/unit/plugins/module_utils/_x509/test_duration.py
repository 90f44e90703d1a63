# SPDX-License-Identifier: GPL-3.0-or-later
"""Durations as operators write them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from ansible_collections.kubeops.cluster.plugins.module_utils._core.errors import KubeopsError
from ansible_collections.kubeops.cluster.plugins.module_utils._x509 import duration


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("365d", timedelta(days=365)),
        (" 1.5h ", timedelta(minutes=90)),
        ("0s", timedelta(0)),
        ("36525d", timedelta(days=36525)),
    ],
)
def test_what_is_one(text: str, span: timedelta) -> None:
    assert duration.parse(text, "valid_for") == span


@pytest.mark.parametrize("text", ["", "10", "10y", "-1d", "1d1h", "36526d", "1000000000d", f"{'9' * 400}d"])
def test_what_is_none_names_its_option(text: str) -> None:
    with pytest.raises(KubeopsError, match="valid_for") as refused:
        duration.parse(text, "valid_for")
    assert refused.value.fix
