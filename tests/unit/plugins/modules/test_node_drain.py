# SPDX-License-Identifier: GPL-3.0-or-later
"""What refuses a drain before anything is cordoned, and what the drain itself waits for."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.kubeops.cluster.plugins.module_utils._core.errors import Refusal
from ansible_collections.kubeops.cluster.plugins.module_utils._drain import model, predict
from ansible_collections.kubeops.cluster.plugins.modules import node_drain

LABELS = {"app": "web"}
NODES = (model.Node("w1"), model.Node("w2"))
PODS = (model.Pod("shop", "web-1", "w1", owner="ReplicaSet/web", labels=LABELS),)


def seen(allowed: int, desired: int, expected: int = 2) -> predict.Seen:
    return predict.Seen(
        NODES, PODS, (model.Budget("shop", "web", {"matchLabels": LABELS}, allowed, 1, desired, expected),)
    )


@pytest.mark.parametrize(
    ("state", "found", "refused"),
    [
        pytest.param("drained", seen(1, 1), False, id="allowed"),
        pytest.param("drained", seen(0, 1), False, id="busy, and evicting waits for it"),
        pytest.param("drained", seen(0, 2), True, id="never allowed"),
        pytest.param("drainable", seen(0, 1), True, id="still busy when the time to settle is up"),
    ],
)
def test_what_refuses(monkeypatch: pytest.MonkeyPatch, state: str, found: predict.Seen, refused: bool) -> None:
    monkeypatch.setattr(node_drain.act, "observe", lambda _client: found)
    client: Any = None
    options = {"state": state, "delete_empty_dir": False, "evict_unmanaged": False, "settle_timeout": -1}
    if refused:
        with pytest.raises(Refusal, match="nothing was cordoned"):
            node_drain._require_drainable(client, options, [["w1"]])
    else:
        node_drain._require_drainable(client, options, [["w1"]])
