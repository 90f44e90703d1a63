# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster that is still settling is waited for, also while its API answers nothing yet."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.kubeops.cluster.plugins.module_utils._core.errors import KubeopsError
from ansible_collections.kubeops.cluster.plugins.modules import cluster_verify

FORBIDDEN = KubeopsError("the API server refused GET /api/v1/nodes", seen="HTTP 403")


def observing(monkeypatch: pytest.MonkeyPatch, *answers: object) -> list[object]:
    """What is observed, one answer after the other; an answer is an exception, or a list of findings."""
    left = list(answers)

    def observe(_client: object, _wanted: object) -> object:
        answer = left.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(cluster_verify.probe, "observe", observe)
    monkeypatch.setattr(cluster_verify.judge, "judge", lambda _wanted, observed: observed)
    monkeypatch.setattr(cluster_verify.judge, "errors", list)
    monkeypatch.setattr(cluster_verify.time, "sleep", lambda _seconds: None)
    return left


def settled(timeout: float) -> Any:
    return cluster_verify.settled(None, None, timeout)


def test_an_api_that_forbids_all_at_first_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    left = observing(monkeypatch, FORBIDDEN, ["a node is not Ready"], [])
    assert settled(60) == ([], [])
    assert left == []


def test_without_time_it_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    left = observing(monkeypatch, FORBIDDEN, [])
    with pytest.raises(KubeopsError, match="refused GET"):
        settled(0)
    assert left == [[]]


def test_what_is_still_wrong_when_the_time_is_up_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    observing(monkeypatch, ["a node is not Ready"])
    assert settled(0) == (["a node is not Ready"], ["a node is not Ready"])
