# SPDX-License-Identifier: GPL-3.0-or-later
"""Errors read as sentences; plans answer as module results."""

from __future__ import annotations

import pytest
from ansible_collections.kubeops.cluster.plugins.module_utils._core.edge import failure
from ansible_collections.kubeops.cluster.plugins.module_utils._core.errors import KubeopsError, Refusal
from ansible_collections.kubeops.cluster.plugins.module_utils._core.plan import Plan, Refused, Step


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (KubeopsError("it failed"), "it failed."),
        (KubeopsError("it failed", "exit code 1"), "it failed. Seen: exit code 1."),
        (KubeopsError("it failed.", "", "try again"), "it failed. Fix: try again."),
        (KubeopsError("it failed", "x", "y"), "it failed. Seen: x. Fix: y."),
    ],
)
def test_message(error: KubeopsError, message: str) -> None:
    assert str(error) == message


def test_failure_of_a_refusal() -> None:
    keys = failure(Refusal("no", "seen", "fix", {"extra": 1}, rule="quorum"))
    assert keys == {
        "msg": "no. Seen: seen. Fix: fix.",
        "what": "no",
        "seen": "seen",
        "fix": "fix",
        "rule": "quorum",
        "extra": 1,
    }


def test_a_failures_own_keys_win_over_details() -> None:
    assert failure(KubeopsError("no", details={"msg": "other"}))["msg"] == "no."


def test_plan_without_steps_changes_nothing() -> None:
    assert Plan().as_result() == {
        "changed": False,
        "plan": [],
        "refusals": [],
        "diff": {"before": "", "after": ""},
        "warnings": [],
    }


def test_plan_as_result_keeps_data_to_itself() -> None:
    step = Step("write", "/etc/x", "differs", {"content": "secret"})
    result = Plan((step,), (Refused("r", "e", "v", "f"),), "a", "b", ("w",)).as_result()
    assert result["changed"] is True
    assert result["plan"] == [{"action": "write", "target": "/etc/x", "reason": "differs"}]
    assert result["refusals"] == [{"rule": "r", "evidence": "e", "variable": "v", "fix": "f"}]
    assert "secret" not in repr(result) + repr(step)


def test_refused_as_error() -> None:
    error = Refused("quorum", "1 of 3 healthy", "kubeops_version", "repair etcd").as_error()
    assert error.rule == "quorum"
    assert "kubeops_version" in str(error)
