# SPDX-License-Identifier: GPL-3.0-or-later
"""Plans of init and join, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.kubeops.cluster.plugins.module_utils._kubeadm import plan
from ansible_collections.kubeops.cluster.plugins.module_utils._kubeadm.plan import Known


def observed(state: str = "absent", role: str = "none", name: str = "", **markers: Any) -> dict[str, Any]:
    found = {"unfinished": "", "etcd_data": False, **markers}
    return {"state": state, "role": role, "node_name": name, "evidence": ["something is missing"], "markers": found}


COMPLETE = observed("complete", "control_plane", "n1")
INIT_WITH_DATA = observed("partial", "control_plane", unfinished="init", etcd_data=True)
INIT_FILES = observed("partial", "control_plane", unfinished="init")
JOIN = observed("partial", "worker", unfinished="join")
LEFT = observed("partial", "worker")
JOIN_WITH_DATA = observed("partial", "control_plane", unfinished="join", etcd_data=True)
TAKEN_OUT = observed("partial", "control_plane", etcd_data=True)
RESET_STOPPED = observed("partial", "control_plane", unfinished="reset", etcd_data=True)


@pytest.mark.parametrize(
    ("seen", "on_partial", "actions", "rule"),
    [
        pytest.param(observed(), "fail", ["init"], None, id="bare"),
        pytest.param(COMPLETE, "fail", [], None, id="complete"),
        pytest.param(observed("complete", "control_plane", "other"), "fail", [], "other_name", id="other name"),
        pytest.param(observed("complete", "worker", "n1"), "reset", [], "other_role", id="a worker is never reset"),
        pytest.param(INIT_FILES, "fail", ["init"], None, id="files only: safe"),
        pytest.param(INIT_FILES, "reset", ["reset", "init"], None, id="files only, reset"),
        pytest.param(INIT_WITH_DATA, "fail", [], "partial_node", id="etcd wrote: ask"),
        pytest.param(INIT_WITH_DATA, "resume", ["init"], None, id="resume"),
        pytest.param(INIT_WITH_DATA, "reset", ["reset", "init"], None, id="reset"),
        pytest.param(JOIN, "resume", [], "partial_join", id="it was joining"),
        pytest.param(JOIN, "reset", ["reset", "init"], None, id="it was joining, reset"),
    ],
)
def test_init(seen: dict[str, Any], on_partial: str, actions: list[str], rule: str | None) -> None:
    planned = plan.plan_init(seen, "n1", on_partial)
    assert [step.action for step in planned.steps] == actions
    assert [refusal.rule for refusal in planned.refusals] == ([rule] if rule else [])


UNKNOWN = Known(node=False, etcd_member=False)
MEMBER = Known(node=False, etcd_member=True)
NODE = Known(node=True, etcd_member=False)


@pytest.mark.parametrize(
    ("seen", "on_partial", "known", "actions", "rule"),
    [
        pytest.param(observed(), "fail", None, ["join"], None, id="bare"),
        pytest.param(observed(), "fail", UNKNOWN, ["join"], None, id="bare, asked"),
        pytest.param(observed(), "fail", MEMBER, [], "stale_etcd_member", id="reinstalled machine"),
        pytest.param(observed(), "reset", MEMBER, ["join"], None, id="reinstalled machine, reset"),
        pytest.param(observed("complete", "worker", "n1"), "fail", None, [], None, id="complete"),
        pytest.param(COMPLETE, "fail", None, [], "other_role", id="control plane in workers"),
        pytest.param(JOIN, "fail", None, [], "partial_node", id="not asked yet"),
        pytest.param(JOIN, "fail", UNKNOWN, ["join"], None, id="the cluster never knew it"),
        pytest.param(JOIN, "fail", NODE, [], "partial_node", id="the cluster knows it"),
        pytest.param(JOIN, "resume", NODE, ["join"], None, id="resume"),
        pytest.param(JOIN, "reset", NODE, ["reset", "join"], None, id="reset"),
        pytest.param(JOIN, "reset", UNKNOWN, ["reset", "join"], None, id="the cluster never knew it, reset"),
        pytest.param(INIT_FILES, "resume", UNKNOWN, [], "partial_init", id="it was initialising"),
        pytest.param(INIT_FILES, "reset", UNKNOWN, ["reset", "join"], None, id="it was initialising, reset"),
        pytest.param(LEFT, "fail", UNKNOWN, [], "partial_node", id="of unknown origin"),
        pytest.param(LEFT, "resume", UNKNOWN, ["join"], None, id="of unknown origin, resume"),
        pytest.param(LEFT, "reset", UNKNOWN, ["reset", "join"], None, id="of unknown origin, reset"),
        pytest.param(TAKEN_OUT, "fail", None, [], "partial_node", id="taken out, not asked yet"),
        pytest.param(TAKEN_OUT, "fail", UNKNOWN, [], "removed_etcd_member", id="taken out by hand"),
        pytest.param(TAKEN_OUT, "resume", UNKNOWN, [], "removed_etcd_member", id="taken out by hand, resume"),
        pytest.param(TAKEN_OUT, "resume", NODE, [], "removed_etcd_member", id="its member alone, resume"),
        pytest.param(TAKEN_OUT, "resume", MEMBER, ["join"], None, id="its Node alone, resume"),
        pytest.param(TAKEN_OUT, "reset", UNKNOWN, ["reset", "join"], None, id="taken out by hand, reset"),
        pytest.param(JOIN_WITH_DATA, "fail", UNKNOWN, [], "removed_etcd_member", id="a stopped join, taken out"),
        pytest.param(JOIN_WITH_DATA, "fail", MEMBER, [], "partial_node", id="a stopped join, known"),
        pytest.param(RESET_STOPPED, "fail", UNKNOWN, [], "removed_etcd_member", id="a stopped reset"),
        pytest.param(RESET_STOPPED, "reset", UNKNOWN, ["reset", "join"], None, id="a stopped reset, reset"),
    ],
)
def test_join(seen: dict[str, Any], on_partial: str, known: Known | None, actions: list[str], rule: str | None) -> None:
    planned = plan.plan_join(seen, "n1", "worker", on_partial, known)
    assert [step.action for step in planned.steps] == actions
    assert [refusal.rule for refusal in planned.refusals] == ([rule] if rule else [])


@pytest.mark.parametrize(
    ("seen", "on_partial", "expected"),
    [
        (observed(), "fail", "nothing"),
        (observed(), "resume", "nothing"),
        (JOIN, "fail", "nothing"),
        (JOIN, "resume", "node"),
        (JOIN, "reset", "member"),
    ],
)
def test_forget(seen: dict[str, Any], on_partial: str, expected: str) -> None:
    assert plan.forget(seen, on_partial) == expected


def test_a_control_plane_is_asked_before_partial_is_refused() -> None:
    assert plan.needs_cluster(plan.plan_join(JOIN, "n1", "worker", "fail", None))
    assert not plan.needs_cluster(plan.plan_join(COMPLETE, "n1", "worker", "fail", None))


@pytest.mark.parametrize(
    ("programs", "server", "named"),
    [
        pytest.param({"kubelet": "v1.36.3", "kubeadm": "v1.36.3"}, "v1.35.6", "kubelet v1.36.3 and", id="both"),
        pytest.param({"kubelet": "v1.35.6", "kubeadm": "v1.36.3"}, "v1.35.6", "has kubeadm v1.36.3,", id="kubeadm"),
        pytest.param({"kubelet": "v1.36.4", "kubeadm": "v1.36.4"}, "v1.36.3", "", id="a newer patch"),
        pytest.param({"kubelet": "v1.34.9"}, "v1.36.3", "", id="older is kubeadm's to judge"),
        pytest.param({}, "v1.36.3", "", id="not installed yet"),
        pytest.param({"kubelet": "v1.36.3"}, "built here", "", id="a version of one's own"),
    ],
)
def test_nothing_newer_than_the_api_servers_joins(programs: dict[str, str], server: str, named: str) -> None:
    refused = plan.refuse_newer(programs, server)
    assert bool(refused) is bool(named)
    for entry in refused:
        assert (entry.rule, entry.variable) == ("newer_than_cluster", "kubeops_version")
        assert named in entry.evidence
        assert "version-skew-policy" in entry.evidence
