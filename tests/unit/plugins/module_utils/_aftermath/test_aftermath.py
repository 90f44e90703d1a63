# SPDX-License-Identifier: GPL-3.0-or-later
"""What a restore leaves behind."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.kubeops.cluster.plugins.module_utils._aftermath import aftermath

T1, T2 = "2026-11-21T18:00:00.000000Z", "2026-11-21T18:00:10.000000Z"


def test_renewals_are_read_from_leases() -> None:
    leases = [{"metadata": {"name": "cp1"}, "spec": {"renewTime": T1}}, {"metadata": {"name": "w1"}, "spec": {}}]
    assert aftermath.renewals(leases) == {"cp1": T1, "w1": ""}


@pytest.mark.parametrize(
    ("wanted", "known", "before", "after", "found"),
    [
        (["a"], ["a"], {"a": T1}, {"a": T2}, (("a",), (), (), ())),
        (["a"], ["a"], {}, {"a": T2}, (("a",), (), (), ())),
        (["a"], ["a"], {"a": T1}, {"a": T1}, ((), ("a",), (), ())),
        (["a", "b"], ["a"], {"a": T1}, {"a": T2}, (("a",), (), ("b",), ())),
        (["a"], ["a", "old"], {"a": T1, "old": T1}, {"a": T2, "old": T1}, (("a",), (), (), ("old",))),
        (["a"], ["a", "other"], {"a": T1, "other": T1}, {"a": T2, "other": T2}, (("a", "other"), (), (), ())),
        # Its kubelet renews a lease, but nobody schedules to a node without an object.
        (["a"], [], {"a": T1}, {"a": T2}, ((), (), ("a",), ())),
    ],
)
def test_nodes(wanted: list[str], known: list[str], before: dict[str, str], after: dict[str, str], found: Any) -> None:
    assert aftermath.judge(wanted, known, before, after) == aftermath.Nodes(*found)


def sandbox(uid: str, source: str = "api", state: str = aftermath.READY) -> dict[str, Any]:
    return {
        "id": f"id-{uid}", "state": state, "metadata": {"name": f"pod-{uid}", "namespace": "default"},
        "labels": {"io.kubernetes.pod.uid": uid}, "annotations": {"kubernetes.io/config.source": source},
    }  # fmt: skip


def test_phantoms_are_running_pods_from_the_api_that_it_does_not_know() -> None:
    listed = [
        sandbox("known"), sandbox("phantom"), sandbox("static", "file"), sandbox("gone", state="SANDBOX_NOTREADY"),
    ]  # fmt: skip
    found = aftermath.phantoms(listed, ["known"])
    assert [entry.as_dict() for entry in found] == [
        {"id": "id-phantom", "uid": "phantom", "name": "pod-phantom", "namespace": "default"}
    ]
