# SPDX-License-Identifier: GPL-3.0-or-later
"""Which nodes are not Ready, of what the API says."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.kubeops.cluster.plugins.module_utils._core.errors import Refusal
from ansible_collections.kubeops.cluster.plugins.modules import nodes_ready


def node(name: str, status: str = "True", reason: str = "KubeletReady") -> dict[str, Any]:
    conditions = [
        {"type": "MemoryPressure", "status": "False"},
        {"type": "Ready", "status": status, "reason": reason},
    ]
    return {"metadata": {"name": name}, "status": {"conditions": conditions}}


NEW = {"metadata": {"name": "w3"}, "status": {}}
ITEMS = [node("w1"), node("w2", "Unknown", "NodeStatusUnknown"), NEW, node("w4", "False", "KubeletNotReady")]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (["w1"], {}),
        ([], {}),
        (["w1", "w2"], {"w2": "Ready is Unknown: NodeStatusUnknown"}),
        (["w3", "w4"], {"w3": "it has reported nothing yet", "w4": "Ready is False: KubeletNotReady"}),
        (["w5"], {"w5": "there is no Node object"}),
    ],
)
def test_not_ready(wanted: list[str], found: dict[str, str]) -> None:
    assert nodes_ready.not_ready(ITEMS, wanted) == found


class Client:
    """An API that answers one list after the other; None stands for an API server that is not ready."""

    url = "https://192.0.2.1:6443"

    def __init__(self, *answers: list[dict[str, Any]] | None) -> None:
        self.answers = list(answers)

    def ready(self) -> bool:
        if self.answers[0] is None:
            del self.answers[0]
            return False
        return True

    def get(self, _path: str) -> dict[str, Any]:
        return {"items": self.answers.pop(0)}


def test_a_node_that_comes_back_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nodes_ready.time, "sleep", lambda _seconds: None)
    client = Client(None, [node("w1", "Unknown", "NodeStatusUnknown")], [node("w1")])
    assert nodes_ready.settled(client, ["w1"], 60) == {}
    assert client.answers == []


def test_without_time_it_is_looked_at_once() -> None:
    client = Client([node("w1", "Unknown", "NodeStatusUnknown")])
    assert nodes_ready.settled(client, ["w1"], 0) == {"w1": "Ready is Unknown: NodeStatusUnknown"}


def test_an_api_server_that_does_not_become_ready_is_refused() -> None:
    with pytest.raises(Refusal, match="not healthy"):
        nodes_ready.settled(Client(None), ["w1"], 0)
