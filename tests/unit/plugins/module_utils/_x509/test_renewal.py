# SPDX-License-Identifier: GPL-3.0-or-later
"""Which certificates are renewed, what restarts for it, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest
from ansible_collections.kubeops.cluster.plugins.module_utils._core.plan import Plan
from ansible_collections.kubeops.cluster.plugins.module_utils._kubeadm.containers import Container
from ansible_collections.kubeops.cluster.plugins.module_utils._x509 import issue, renewal
from ansible_collections.kubeops.cluster.plugins.module_utils._x509.estate import Entry

NOW = datetime(2026, 11, 21, 12, 0, 0, tzinfo=timezone.utc)
DAY = timedelta(days=1)
CA_KEY = issue.make_key("ecdsa-p256")
CA = issue.make_ca(CA_KEY, "kubernetes", NOW, 400 * DAY)
STARTED = {
    name: Container(name, 100.0, running=True)
    for name in ("kube-controller-manager", "kube-scheduler", "kube-apiserver")
}
READ_ONCE = {"controller-manager.conf": "kube-controller-manager", "scheduler.conf": "kube-scheduler"}


def found(name: str, days: int, modified: float = 50.0) -> renewal.Found:
    key, certificate = issue.issue(issue.Leaf(name), CA, CA_KEY, NOW, days * DAY, "ecdsa-p256")
    reader = READ_ONCE.get(name)
    readers, once = (reader or "kube-apiserver",), (reader,) if reader else ()
    entry = Entry(name, f"/{name}", authority="ca", readers=readers, read_once=once)
    return renewal.Found(entry, certificate, key, CA, CA_KEY, modified)


ESTATE = (found("apiserver", 10), found("scheduler.conf", 10), found("controller-manager.conf", 100))


def steps(plan: Plan) -> list[tuple[str, str]]:
    return [(step.action, step.target) for step in plan.steps]


@pytest.mark.parametrize(
    ("wish", "expected"),
    [
        (renewal.Wish(renew_before=5 * DAY), []),
        (
            renewal.Wish(renew_before=30 * DAY),
            [("renew", "apiserver"), ("renew", "scheduler.conf"), ("restart", "kube-scheduler")],
        ),
        (renewal.Wish("all", ("apiserver",)), [("renew", "apiserver")]),
    ],
    ids=["nothing due", "by threshold", "by name"],
)
def test_what_is_renewed_and_restarted(wish: renewal.Wish, expected: list[tuple[str, str]]) -> None:
    assert steps(renewal.plan(ESTATE, STARTED, wish, NOW)) == expected


def test_a_component_that_missed_a_renewal_restarts() -> None:
    estate = (found("scheduler.conf", 100, modified=200.0),)
    assert steps(renewal.plan(estate, STARTED, renewal.Wish(), NOW)) == [("restart", "kube-scheduler")]


@pytest.mark.parametrize(
    ("name", "modified", "began", "expected"),
    [
        ("apiserver", 200.0, 100.0, [("wake", "kube-apiserver")]),
        ("scheduler.conf", 200.0, 0.0, [("wake", "kube-scheduler")]),
        ("apiserver", 50.0, 100.0, []),
    ],
    ids=["new since its last attempt", "never started", "it read them and crashes for another reason"],
)
def test_a_component_between_two_attempts(
    name: str, modified: float, began: float, expected: list[tuple[str, str]]
) -> None:
    each = found(name, 100, modified)
    down = {each.entry.readers[0]: Container("id", began, running=False)}
    assert steps(renewal.plan((each,), down, renewal.Wish(), NOW)) == expected


@pytest.mark.parametrize(
    ("each", "rule"),
    [
        (replace(ESTATE[0], certificate=None), "certificate_missing"),
        (replace(ESTATE[0], ca_key=None), "certificate_externally_managed"),
    ],
)
def test_what_cannot_be_renewed_is_refused_with_the_way_out(each: renewal.Found, rule: str) -> None:
    refusals = renewal.plan((each,), STARTED, renewal.Wish("all"), NOW).refusals
    assert [(refusal.rule, bool(refusal.fix)) for refusal in refusals] == [(rule, True)]


def test_an_unknown_name_is_refused() -> None:
    refusals = renewal.plan(ESTATE, STARTED, renewal.Wish(names=("api",)), NOW).refusals
    assert [refusal.rule for refusal in refusals] == ["certificate_unknown"]


def test_an_admin_conf_that_was_put_away_is_no_fault() -> None:
    admin = replace(ESTATE[0], certificate=None, entry=Entry("admin.conf", "/admin.conf", required=False))
    assert renewal.plan((admin,), STARTED, renewal.Wish("all"), NOW) == Plan()
