# SPDX-License-Identifier: GPL-3.0-or-later
"""What is asked of etcd before a node is let in."""

from __future__ import annotations

import pytest
from ansible_collections.kubeops.cluster.plugins.module_utils._core.errors import Refusal
from ansible_collections.kubeops.cluster.plugins.module_utils._etcd.model import Member
from ansible_collections.kubeops.cluster.plugins.module_utils._kubeadm import credentials

DOWN = "down"
LEARNER = "learner"


def members(**kinds: str) -> list[Member]:
    return [
        Member(name, name, (f"https://{name}:2380",), (), is_learner=kind == LEARNER, healthy=kind != DOWN)
        for name, kind in kinds.items()
    ]


@pytest.mark.parametrize(
    ("etcd", "left"),
    [
        pytest.param(members(cp1="", cp2=""), ["cp1", "cp2"], id="not a member"),
        pytest.param(members(cp1="", cp2="", cp3=DOWN), ["cp1", "cp2"], id="it is down"),
        pytest.param(members(cp1="", cp2="", cp3=LEARNER), ["cp1", "cp2"], id="it never got its vote"),
        pytest.param(members(cp1="", cp2=DOWN, cp3=""), None, id="no quorum without it"),
        pytest.param(members(cp3=""), None, id="the only one"),
    ],
)
def test_a_member_goes_only_where_the_others_have_a_quorum(etcd: list[Member], left: list[str] | None) -> None:
    if left is not None:
        assert [member.name for member in credentials.members_without(etcd, "cp3", "192.0.2.3")] == left
        return
    with pytest.raises(Refusal) as refused:
        credentials.members_without(etcd, "cp3", "192.0.2.3")
    assert refused.value.rule == "etcd_quorum"


@pytest.mark.parametrize(
    ("etcd", "refused"),
    [
        pytest.param(members(cp1="", cp2="", cp3=DOWN), False, id="its own member, to be removed"),
        pytest.param(members(cp1="", cp2="", cp3=LEARNER), False, id="its own learner, to be removed"),
        pytest.param(members(cp1="", cp2="", cp4=LEARNER), True, id="another learner"),
        pytest.param(members(cp1="", cp2="", cp3=DOWN, cp4=LEARNER), True, id="another learner beside its own member"),
    ],
)
def test_room_is_asked_for_before_anything_is_removed(etcd: list[Member], refused: bool) -> None:
    left = credentials.members_without(etcd, "cp3", "192.0.2.3")
    if not refused:
        credentials.require_room(left, "cp3", "192.0.2.3")
        return
    with pytest.raises(Refusal, match="one learner at a time"):
        credentials.require_room(left, "cp3", "192.0.2.3")
