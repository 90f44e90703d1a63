# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host does to be a member: tables of clusters as they are found."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.kubeops.cluster.plugins.module_utils._etcd.content import AGREES, DIFFERS, UNKNOWN, Content
from ansible_collections.kubeops.cluster.plugins.module_utils._etcd.model import Member
from ansible_collections.kubeops.cluster.plugins.module_utils._etcd_service import birth, plan, versions

ME = plan.Wanted("e3", "192.0.2.43")


def member(
    number: int, *, healthy: bool = True, learner: bool = False, name: str | None = None, full: bool = False
) -> Member:
    label = f"e{number}" if name is None else name
    url = f"https://192.0.2.4{number}"
    return Member(str(number), label, (f"{url}:2380",), (f"{url}:2379",), learner, healthy, full)


TWO = (member(1), member(2))
THREE = (*TWO, member(3))
FULL = tuple(member(number, healthy=False, full=True) for number in (1, 2, 3))


def observed(
    members: tuple[Member, ...] | None, *, data: bool = False, active: bool = False, stale: str = ""
) -> plan.Observed:
    return plan.Observed(data, active, stale, members, "nobody answers")


@pytest.mark.parametrize(
    ("wanted", "found", "actions"),
    [
        (plan.Wanted("e3", "192.0.2.43", first=True), observed(None), ["bootstrap"]),
        (ME, observed(None, data=True), ["start"]),
        (ME, observed(TWO), ["announce", "start", "promote"]),
        # Killed after the announcement, after the first start, before the promotion.
        (ME, observed((*TWO, member(3, name="", healthy=False, learner=True))), ["start", "promote"]),
        (ME, observed((*TWO, member(3, learner=True)), data=True), ["start", "promote"]),
        (ME, observed((*TWO, member(3, learner=True)), data=True, active=True), ["promote"]),
        (ME, observed(THREE, data=True, active=True), []),
        (ME, observed(THREE, data=True, active=True, stale="settings changed"), ["restart"]),
        (ME, observed((*TWO, member(3, healthy=False)), data=True), ["start"]),
        (
            plan.Wanted("e3", "192.0.2.43", replace=True),
            observed((*TWO, member(3, healthy=False))),
            ["remove", "announce", "start", "promote"],
        ),
        (
            plan.Wanted("e3", "192.0.2.43", replace=True),
            observed((*TWO, member(3, healthy=False)), data=True, active=True),
            ["remove", "set_aside", "announce", "start", "promote"],
        ),
        (
            plan.Wanted("e3", "192.0.2.43", replace=True),
            observed(TWO, data=True),
            ["set_aside", "announce", "start", "promote"],
        ),
        # A healthy member whose content is that of the others is not replaced, whatever was asked.
        (plan.Wanted("e3", "192.0.2.43", replace=True), observed(THREE, data=True, active=True), []),
        # A cluster of one restarts although nobody goes on meanwhile.
        (ME, observed((member(3),), data=True, active=True, stale="settings changed"), ["restart"]),
        # Two have none to spare, and restart while both are well.
        (ME, observed((member(1), member(3)), data=True, active=True, stale="settings changed"), ["restart"]),
        # Three of four voters are left meanwhile.
        (ME, observed((*THREE, member(4)), data=True, active=True, stale="settings changed"), ["restart"]),
        # All have reached the quota, and it was raised; or the disk of one died meanwhile.
        (ME, observed(FULL, data=True, active=True, stale="settings changed"), ["restart"]),
        (
            plan.Wanted("e3", "192.0.2.43", replace=True),
            observed((*FULL[:2], member(3, healthy=False))),
            ["remove", "announce", "start", "promote"],
        ),
        # Its own trouble is no reason against its restart.
        (ME, observed((*TWO, member(3, healthy=False)), data=True, active=True, stale="settings changed"), ["restart"]),
    ],
)
def test_steps(wanted: plan.Wanted, found: plan.Observed, actions: list[str]) -> None:
    decided = plan.plan(wanted, found)
    assert [step.action for step in decided.steps] == actions
    assert decided.refusals == ()


@pytest.mark.parametrize(
    ("found", "rule"),
    [
        (observed(None), "etcd_no_quorum"),
        (observed(None, data=True, active=True), "etcd_no_quorum"),
        (observed(TWO, data=True), "etcd_foreign_data"),
        (observed(THREE), "etcd_lost_data"),
        (observed((member(1), member(2, healthy=False))), None),
        (observed((member(1), member(2, learner=True))), "etcd_quorum"),
        (observed((member(1, healthy=False), member(2), member(3)), data=True, active=True, stale="x"), "etcd_quorum"),
        # A removal would leave two of three, but away it counts: two of four are no quorum.
        (observed((*THREE, member(4, healthy=False)), data=True, active=True, stale="x"), "etcd_quorum"),
    ],
)
def test_refusals(found: plan.Observed, rule: str | None) -> None:
    decided = plan.plan(ME, found)
    if rule is None:
        rule = "etcd_quorum"  # one of two voters is no quorum
    assert [refused.rule for refused in decided.refusals] == [rule]
    assert decided.steps == ()


REPLACED = ["remove", "set_aside", "announce", "start", "promote"]


@pytest.mark.parametrize(
    ("found", "verdict", "actions", "rule"),
    [
        (observed(THREE, data=True, active=True), AGREES, [], ""),
        (observed(THREE, data=True, active=True), DIFFERS, REPLACED, ""),
        (observed(THREE, data=True, active=True), UNKNOWN, [], "etcd_content"),
        (observed(THREE, data=True, active=True, stale="settings changed"), AGREES, ["restart"], ""),
        # The others have no quorum without it.
        (
            observed((member(1), member(2, healthy=False), member(3)), data=True, active=True),
            DIFFERS,
            [],
            "etcd_quorum",
        ),
        # It is replaced for its content, and not because all have reached the quota.
        (observed(FULL, data=True, active=True), AGREES, [], ""),
    ],
)
def test_a_member_that_works_is_replaced_for_its_content(
    found: plan.Observed, verdict: str, actions: list[str], rule: str
) -> None:
    wanted = plan.Wanted("e3", "192.0.2.43", replace=True)
    assert plan.to_compare(wanted, found) == (found.members or ())[2]
    decided = plan.plan(wanted, replace(found, content=Content(verdict, "hashes differ")))
    assert [step.action for step in decided.steps] == actions
    assert [refused.rule for refused in decided.refusals] == [rule] * bool(rule)
    assert ("hashes differ" in str(decided.refusals)) is (rule == "etcd_content")


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (ME, observed(THREE, data=True, active=True)),
        (replace(ME, replace=True), observed(THREE)),
        (replace(ME, replace=True), observed(TWO, data=True)),
        (replace(ME, replace=True), observed((*TWO, member(3, healthy=False)), data=True)),
        (replace(ME, replace=True), observed((*TWO, member(3, learner=True)), data=True)),
        (replace(ME, replace=True), observed(None, data=True)),
    ],
)
def test_what_is_replaced_anyway_or_not_at_all_is_not_compared(wanted: plan.Wanted, found: plan.Observed) -> None:
    assert plan.to_compare(wanted, found) is None


def test_data_is_not_started_where_it_was_to_be_given_up() -> None:
    decided = plan.plan(plan.Wanted("e3", "192.0.2.43", replace=True), observed(None, data=True))
    assert [refused.rule for refused in decided.refusals] == ["etcd_no_quorum"]


@pytest.mark.parametrize("replace", [True, False])
@pytest.mark.parametrize("members", [THREE, TWO, None])
def test_nothing_is_given_up_where_etcd_could_not_be_started(members: tuple[Member, ...] | None, replace: bool) -> None:
    wanted = plan.Wanted("e3", "192.0.2.43", replace=replace)
    decided = plan.plan(wanted, plan.Observed(False, False, "", members, lacks="manifest"))
    assert [refused.rule for refused in decided.refusals] == ["etcd_not_set_up"]
    assert decided.steps == () and "there is no manifest" in decided.refusals[0].evidence


@pytest.mark.parametrize(
    ("running", "wanted", "rules"),
    [
        ({}, (3, 6, 8), []),
        ({}, (3, 5, 1), ["etcd_version_broken"]),
        ({"e1": (3, 6, 6)}, (3, 6, 8), []),
        ({"e1": (3, 6, 8)}, (3, 6, 6), []),
        ({"e1": (3, 5, 26)}, (3, 6, 8), []),
        ({"e1": (3, 5, 25), "e2": (3, 5, 26)}, (3, 6, 8), ["etcd_floor"]),
        ({"e1": (3, 4, 30)}, (3, 6, 8), ["etcd_one_minor_at_a_time"]),
        ({"e1": (3, 6, 8)}, (3, 5, 26), ["etcd_downgrade"]),
        ({"e1": (4, 0, 0)}, (3, 6, 8), ["etcd_downgrade"]),
    ],
)
def test_versions(running: dict[str, versions.Version], wanted: versions.Version, rules: list[str]) -> None:
    assert [refused.rule for refused in versions.refusals(running, wanted, ())] == rules


def test_experimental_flags_stop_3_7_and_are_told_before() -> None:
    settings = ["ETCD_EXPERIMENTAL_INITIAL_CORRUPT_CHECK", "ETCD_NAME"]
    assert [refused.rule for refused in versions.refusals({}, (3, 7, 0), settings)] == ["etcd_experimental_flags"]
    assert versions.refusals({}, (3, 6, 8), settings) == []
    assert versions.experimental(settings) == ["ETCD_EXPERIMENTAL_INITIAL_CORRUPT_CHECK"]


def test_version_of_the_programs_own_output() -> None:
    assert versions.parse("etcd Version: 3.6.8\nGit SHA: 1234567\nGo Version: go1.24.9\n") == (3, 6, 8)
    assert versions.parse("no version here") is None


def test_birth_names_a_member_that_was_only_announced() -> None:
    announced = member(3, name="", learner=True)
    cluster = birth.initial_cluster((*TWO, announced), "e3", "https://192.0.2.43:2380")
    assert cluster == "e1=https://192.0.2.41:2380,e2=https://192.0.2.42:2380,e3=https://192.0.2.43:2380"
    assert birth.initial_cluster((), "e3", "https://192.0.2.43:2380") == "e3=https://192.0.2.43:2380"


def test_birth_flags_of_a_static_pod_are_replaced_and_nothing_else() -> None:
    manifest = (
        "    - --data-dir=/var/lib/etcd\n"
        "    - --initial-advertise-peer-urls=https://192.0.2.43:2380\n"
        "    - --initial-cluster=e3=https://192.0.2.43:2380\n"
        "    - --listen-metrics-urls=http://127.0.0.1:2381\n"
    )
    assert birth.manifest(manifest, "e1=https://a:2380,e3=https://192.0.2.43:2380", birth.EXISTING) == (
        "    - --data-dir=/var/lib/etcd\n"
        "    - --initial-advertise-peer-urls=https://192.0.2.43:2380\n"
        "    - --initial-cluster=e1=https://a:2380,e3=https://192.0.2.43:2380\n"
        "    - --initial-cluster-state=existing\n"
        "    - --listen-metrics-urls=http://127.0.0.1:2381\n"
    )
