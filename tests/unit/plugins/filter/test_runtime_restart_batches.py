# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.kubeops.cluster.plugins.filter.runtime_restart_batches import runtime_restart_batches

CONTROL_PLANES = ["cp1", "cp2", "cp3"]


@pytest.mark.parametrize(
    ("due", "members", "at_once", "batches"),
    [
        pytest.param([], [], 10, [], id="nothing"),
        pytest.param(["cp1", "cp2", "w1"], [], 10, [["cp1", "cp2", "w1"]], id="bare nodes together"),
        pytest.param(
            ["cp1", "cp2", "w1", "w2", "w3", "w4"], ["cp1", "cp2", "w1", "w2", "w3", "w4"], 2,
            [["cp1"], ["cp2"], ["w1"], ["w2", "w3"], ["w4"]], id="members",
        ),
        pytest.param(["cp3", "w9", "w1"], ["cp3", "w1"], 10, [["w9"], ["cp3"], ["w1"]], id="a new worker too"),
    ],
)  # fmt: skip
def test_batches(due: list[str], members: list[str], at_once: int, batches: list[list[str]]) -> None:
    assert runtime_restart_batches(due, members, CONTROL_PLANES, at_once) == batches


def test_nobody_at_once_is_refused() -> None:
    with pytest.raises(ValueError, match="at_once is 0"):
        runtime_restart_batches(["w1"], ["w1"], CONTROL_PLANES, 0)
