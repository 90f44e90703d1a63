# SPDX-License-Identifier: GPL-3.0-or-later
"""Which member the timer of a host takes its snapshot from."""

from __future__ import annotations

import pytest
from ansible_collections.kubeops.cluster.plugins.module_utils._core.errors import Refusal
from ansible_collections.kubeops.cluster.plugins.module_utils._etcd import keep
from ansible_collections.kubeops.cluster.plugins.module_utils._etcd.choice import Choice, Status
from ansible_collections.kubeops.cluster.plugins.module_utils._etcd.model import Member
from ansible_collections.kubeops.cluster.plugins.module_utils._ship import unattended


@pytest.mark.parametrize(
    ("own_leads", "best", "lost", "taken"),
    [
        (False, "m2", False, "m1"),
        (True, "m2", False, None),
        (True, "m1", False, "m1"),
        # Who led last is not spared what the others cannot do for the cluster.
        (True, "m2", True, "m1"),
        (None, "m2", True, "m2"),
    ],
)
def test_every_host_takes_its_own_unless_it_leads(
    monkeypatch: pytest.MonkeyPatch, own_leads: bool | None, best: str, lost: bool, taken: str | None
) -> None:
    """own_leads: None where the member of this host does not answer."""

    def choose(_gateways: object, wanted: str) -> tuple[str, Choice]:
        if wanted and own_leads is None:
            raise Refusal("etcd member m1 did not answer")
        name = wanted or best
        leader = "m1" if own_leads else ""
        return name, Choice(Status(Member(name, name, (), ()), leader=leader), "any", quorum_lost=lost)

    monkeypatch.setattr(keep, "choose", choose)
    found = unattended.choose([], "m1")
    assert (found[0] if found else None) == taken
    if found:
        assert found[1].quorum_lost is lost
        assert (found[1].reason == "the member of this host") is (own_leads is not None)
