# SPDX-License-Identifier: GPL-3.0-or-later
"""Which certificates are renewed, what restarts for it, and what is refused."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from ansible_collections.kubeops.cluster.plugins.module_utils._core.errors import KubeopsError, Refusal
from ansible_collections.kubeops.cluster.plugins.module_utils._core.plan import Plan
from ansible_collections.kubeops.cluster.plugins.module_utils._kubeadm.containers import Container
from ansible_collections.kubeops.cluster.plugins.module_utils._x509 import issue, renew, renewal
from ansible_collections.kubeops.cluster.plugins.module_utils._x509.estate import Entry, owned_kubeconfig

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


OTHER_KEY = issue.make_key("ecdsa-p256")
ENDED = issue.make_ca(CA_KEY, "kubernetes", NOW - 9 * DAY, 8 * DAY)


@pytest.mark.parametrize(
    ("each", "rule"),
    [
        (replace(ESTATE[0], certificate=None), "certificate_missing"),
        (replace(ESTATE[0], certificate=b"text"), "certificate_unreadable"),
        (replace(ESTATE[1], certificate=b""), "certificate_unreadable"),
        (replace(ESTATE[1], defect="client-key-data stands there 2 times"), "certificate_unreadable"),
        (replace(ESTATE[0], ca_key=None), "certificate_externally_managed"),
        (replace(ESTATE[0], ca_key=OTHER_KEY), "ca_key_mismatch"),
        (replace(ESTATE[0], ca_key=b"text"), "ca_unreadable"),
        (replace(ESTATE[0], ca_cert=ENDED), "ca_expired"),
    ],
)
def test_what_cannot_be_renewed_is_refused_with_the_way_out(each: renewal.Found, rule: str) -> None:
    refusals = renewal.plan((each,), STARTED, renewal.Wish("all"), NOW).refusals
    assert [(refusal.rule, bool(refusal.fix)) for refusal in refusals] == [(rule, True)]


def serving(names: tuple[str, ...] = ("192.0.2.1",), ca: bytes = CA, ca_key: bytes = CA_KEY) -> renewal.Found:
    leaf = issue.Leaf("kube-apiserver", (), (), names, (issue.SERVER,))
    key, certificate = issue.issue(leaf, ca, ca_key, NOW, 300 * DAY, "ecdsa-p256")
    entry = Entry("apiserver", "/a.crt", key_path="/a.key", use="server", authority="ca", wanted_names=("192.0.2.1",))
    return renewal.Found(entry, certificate, key, CA, CA_KEY)


@pytest.mark.parametrize(
    ("each", "reason", "rules"),
    [
        (serving(), "", []),
        (replace(serving(), key=None), "its key is missing", []),
        (replace(serving(), key=OTHER_KEY), "its key belongs to another certificate", []),
        (replace(serving(), key=b"text"), "unreadable: ", []),
        (replace(serving(), key=None, ca_key=None), "its key is missing", ["certificate_externally_managed"]),
        (replace(serving(("192.0.2.2",)), key=None), "its key is missing", ["certificate_misplaced"]),
        (
            replace(found("apiserver", 300), entry=serving().entry, key=OTHER_KEY),
            "its key belongs to another certificate",
            ["certificate_misplaced"],
        ),
        (
            replace(serving(ca=issue.make_ca(OTHER_KEY, "kubernetes", NOW, DAY), ca_key=OTHER_KEY), key=OTHER_KEY),
            "its key belongs to another certificate",
            ["certificate_misplaced"],
        ),
    ],
    ids=[
        "whole",
        "no key",
        "another key",
        "no key at all in it",
        "no CA's key",
        "a neighbour's",
        "a client's",
        "another CA's",
    ],
)
def test_a_certificate_without_its_key_is_renewed_or_refused(
    each: renewal.Found, reason: str, rules: list[str]
) -> None:
    planned = renewal.plan((each,), {}, renewal.Wish(), NOW)
    assert [(step.target, step.reason.startswith(reason)) for step in planned.steps] == (
        [("apiserver", True)] if reason else []
    )
    assert [refused.rule for refused in planned.refusals] == rules


@pytest.mark.parametrize("linked", ["a.crt", "a.key"])
def test_a_link_is_refused_and_leaves_the_pair_whole(tmp_path: Path, linked: str) -> None:
    here = serving()
    certificate, key = tmp_path / "a.crt", tmp_path / "a.key"
    certificate.write_bytes(here.certificate or b"")
    key.write_bytes(here.key or b"")
    (tmp_path / linked).rename(tmp_path / "elsewhere")
    (tmp_path / linked).symlink_to(tmp_path / "elsewhere")
    entry = replace(here.entry, path=str(certificate), key_path=str(key))
    each = renew._found(entry, None)
    assert [refused.rule for refused in renewal.unusable(each)] == ["certificate_linked"]
    with pytest.raises(KubeopsError, match="is a symbolic link"):
        renew.write(entry, b"new", b"new")
    assert (certificate.read_bytes(), key.read_bytes()) == (here.certificate, here.key)


OTHERS_KEY = issue.make_key("ecdsa-p256")
OTHERS = issue.make_ca(OTHERS_KEY, "company", NOW, 400 * DAY)
SAME_NAME = issue.make_ca(OTHERS_KEY, "kubernetes", NOW, 400 * DAY)
LONGER = issue.make_ca(CA_KEY, "kubernetes", NOW, 800 * DAY)
NAMED = "certificate_externally_managed"


@pytest.mark.parametrize(
    ("change", "rules"),
    [
        ({"ca_cert": OTHERS, "ca_key": OTHERS_KEY}, [NAMED]),
        ({"ca_cert": SAME_NAME, "ca_key": OTHERS_KEY}, [NAMED]),
        ({"ca_cert": LONGER}, []),
        ({"ca_cert": SAME_NAME + CA, "ca_key": OTHERS_KEY}, []),
        ({"ca_cert": CA + OTHERS}, []),
    ],
    ids=["another CA", "of the same name", "the CA made anew of its key", "in a rotation", "a bundle"],
)
@pytest.mark.parametrize("wish", [renewal.Wish("all"), renewal.Wish(renew_before=30 * DAY)])
def test_what_another_ca_signed_is_never_replaced(
    change: dict[str, bytes], rules: list[str], wish: renewal.Wish
) -> None:
    refusals = renewal.plan((replace(ESTATE[0], **change),), STARTED, wish, NOW).refusals  # type: ignore[arg-type]
    assert [refused.rule for refused in refusals] == rules
    assert all("its issuer is CN=kubernetes" in refused.evidence for refused in refusals)


def test_what_an_intermediate_below_the_ca_signed_is_renewed(
    intermediate: Callable[[bytes, bytes, datetime], tuple[bytes, bytes]],
) -> None:
    between, key = intermediate(CA, CA_KEY, NOW)
    __, leaf = issue.issue(issue.Leaf("apiserver"), between, key, NOW, 10 * DAY, "ecdsa-p256")
    planned = renewal.plan((replace(ESTATE[0], certificate=leaf + between),), {}, renewal.Wish("all"), NOW)
    assert planned.refusals == ()


def test_a_renewal_for_a_lost_key_leaves_a_pair(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(renew.clock, "now", lambda: NOW)
    certificate, key = tmp_path / "a.crt", tmp_path / "a.key"
    lost = replace(serving(), key=None)
    lost = replace(lost, entry=replace(lost.entry, path=str(certificate), key_path=str(key)))
    renew.renew((lost,), renewal.plan((lost,), {}, renewal.Wish(), NOW), 90 * DAY)
    whole = replace(lost, certificate=certificate.read_bytes(), key=key.read_bytes())
    assert renewal.plan((whole,), {}, renewal.Wish(), NOW) == Plan()
    assert key.stat().st_mode & 0o777 == 0o600


def test_a_renewal_that_a_ca_would_cut_short_is_not_repeated() -> None:
    near = issue.make_ca(CA_KEY, "kubernetes", NOW - DAY, 21 * DAY)
    wish = renewal.Wish(valid_for=365 * DAY)
    before = replace(ESTATE[0], ca_cert=near)
    planned = renewal.plan((before,), STARTED, wish, NOW)
    assert steps(planned) == [("renew", "apiserver")]
    assert ["ends in 20 days" in warning for warning in planned.warnings] == [True]
    key, after = issue.issue(issue.Leaf("apiserver"), near, CA_KEY, NOW, 365 * DAY, "ecdsa-p256")
    again = renewal.plan((replace(before, certificate=after, key=key),), STARTED, wish, NOW)
    assert (again.steps, again.refusals, again.warnings) == ((), (), planned.warnings)
    over = renewal.plan((replace(before, certificate=after),), STARTED, wish, NOW + 21 * DAY)
    assert [refused.rule for refused in over.refusals] == ["ca_expired"]
    assert renewal.plan(ESTATE, STARTED, wish, NOW).warnings == ()


@pytest.mark.parametrize(
    ("valid_for", "rules"),
    [(None, []), (31 * DAY, []), (30 * DAY, ["valid_for_too_short"]), (DAY, ["valid_for_too_short"])],
)
def test_what_would_be_due_again_at_once_is_refused(valid_for: timedelta | None, rules: list[str]) -> None:
    planned = renewal.plan(ESTATE, STARTED, renewal.Wish(valid_for=valid_for), NOW)
    assert [refused.rule for refused in planned.refusals] == rules


def test_an_unknown_name_is_refused() -> None:
    refusals = renewal.plan(ESTATE, STARTED, renewal.Wish(names=("api",)), NOW).refusals
    assert [refusal.rule for refusal in refusals] == ["certificate_unknown"]


def test_an_admin_conf_that_was_put_away_is_not_made_anew() -> None:
    admin = replace(ESTATE[0], certificate=None, entry=Entry("admin.conf", "/admin.conf", required=False))
    assert renewal.plan((admin,), STARTED, renewal.Wish("all"), NOW) == Plan()
    assert renewal.plan((admin,), STARTED, renewal.Wish(names=("admin.conf",)), NOW) == Plan()


def test_what_was_named_is_here_or_not(tmp_path: Path) -> None:
    (tmp_path / "config").touch()
    gone = replace(ESTATE[0], certificate=None, entry=Entry("super-admin.conf", "/s.conf", required=False))
    paths = [str(tmp_path / "config"), str(tmp_path / "conf")]
    seen = renew.named(renew.Observed((*ESTATE, gone), {}), ["apiserver", "super-admin.conf"], paths)
    assert seen == {"apiserver": True, "super-admin.conf": False, paths[0]: True, paths[1]: False}


def test_an_admin_conf_that_logs_in_by_other_means_is_not_ours() -> None:
    admin = replace(ESTATE[0], certificate=b"", entry=Entry("admin.conf", "/admin.conf", required=False))
    assert renewal.plan((admin,), STARTED, renewal.Wish("all"), NOW) == Plan()
    broken = replace(admin, defect="it cannot be read")
    assert [refused.rule for refused in renewal.plan((broken,), STARTED, renewal.Wish("all"), NOW).refusals] == [
        "certificate_unreadable"
    ]


def test_what_is_over() -> None:
    lost = [replace(found(name, 100), key=key) for name, key in (("etcd-server", None), ("etcd-peer", OTHER_KEY))]
    estate = (*ESTATE, found("apiserver-etcd-client", 0), *lost, replace(ESTATE[0], certificate=None))
    assert renewal.over(estate, NOW) == ["apiserver-etcd-client", "etcd-server", "etcd-peer"]
    assert renewal.over(estate, NOW + 50 * DAY)[:3] == ["apiserver", "scheduler.conf", "apiserver-etcd-client"]


@pytest.mark.parametrize(
    ("error", "ended", "rule", "way_out"),
    [
        (
            Refusal("down", rule="control_plane_not_healthy"),
            ["admin.conf"],
            "certificates_over",
            "--limit to this host",
        ),
        (KubeopsError("401"), ["admin.conf"], "certificates_over", "recover_certificates"),
        (Refusal("down", rule="control_plane_not_healthy"), [], "control_plane_not_healthy", "repair it first"),
        (Refusal("cp2", fix="cp2", rule="control_planes_one_at_a_time"), ["a"], "control_planes_one_at_a_time", "cp2"),
        (Refusal("etcd", fix="etcd", rule="etcd_quorum"), ["a"], "etcd_quorum", "etcd"),
        (Refusal("gone", fix="make one", rule="admin_conf_missing"), [], "admin_conf_missing", "make one"),
    ],
)
def test_the_way_out_of_a_refused_renewal(error: KubeopsError, ended: list[str], rule: str, way_out: str) -> None:
    refused = renewal.not_permitted(error, ended)
    assert isinstance(refused, Refusal)
    assert (refused.rule, way_out in refused.fix) == (rule, True)
    assert all(name in refused.seen for name in ended) or rule in renewal.OF_OTHERS


def user(certificate: bytes, key: bytes) -> str:
    encoded = [base64.b64encode(pem).decode() for pem in (certificate, key)]
    return f"- name: a\n  user:\n    client-certificate-data: {encoded[0]}\n    client-key-data: {encoded[1]}\n"


ONE_USER = user(b"certificate", b"key")


@pytest.mark.parametrize(
    ("text", "pem", "defect"),
    [
        (ONE_USER, b"certificate\nkey", ""),
        ("- name: a\n  user:\n    token: abc\n", b"", ""),
        ("- name: a\n  user:\n    client-certificate: /a\n    client-key: /b\n", b"", ""),
        (ONE_USER * 2, b"certificate\nkey", "stands there 2 times"),
        (user(b"\xff\xfe", b"key"), b"", "cannot be read"),
        ("    client-certificate-data: A\n    client-key-data: A\n", b"", "cannot be read"),
        ("\udcff", b"", "cannot be read"),
    ],
    ids=["kubeadm's", "token", "files", "two users", "no text", "no base64", "no UTF-8"],
)
def test_what_a_kubeconfig_embeds(text: str, pem: bytes, defect: str) -> None:
    found, seen = renewal.embedded(text.encode("utf-8", "surrogateescape"))
    assert found == pem
    assert (defect in seen) if defect else (seen == "")


OTHER_CA = issue.make_ca(issue.make_key("ecdsa-p256"), "kubernetes", NOW, 400 * DAY)
OWNED = owned_kubeconfig("/root/.kube/config")


@pytest.mark.parametrize(
    ("certificate", "ca", "refused"),
    [
        (ESTATE[0].certificate, CA, False),
        (ESTATE[0].certificate, OTHER_CA + CA, False),
        (ESTATE[0].certificate, OTHER_CA, True),
        (b"", CA, False),
    ],
    ids=["the cluster's own", "one of a bundle", "another cluster's", "nothing to judge"],
)
def test_a_kubeconfig_of_another_cluster_is_not_renewed(certificate: bytes, ca: bytes, refused: bool) -> None:
    defect = renewal.foreign(certificate, ca)
    assert bool(defect) is refused
    owned = replace(ESTATE[0], entry=OWNED, certificate=certificate, defect=defect)
    planned = renewal.plan((owned,), STARTED, renewal.Wish(), NOW)
    assert bool(planned.refusals) is refused
    assert steps(planned) == ([("renew", OWNED.name)] if certificate else [])


@pytest.mark.parametrize(
    ("certificate", "entry", "warned"),
    [
        (b"", OWNED, True),
        (None, OWNED, False),
        (ESTATE[0].certificate, OWNED, False),
        (b"", Entry("admin.conf", "/admin.conf", required=False), False),
    ],
    ids=["JSON or a file", "not there", "as kubeadm writes it", "kubeadm's own"],
)
def test_an_owned_kubeconfig_that_cannot_be_renewed_is_warned_of(
    certificate: bytes | None, entry: Entry, warned: bool
) -> None:
    planned = renewal.plan((replace(ESTATE[0], entry=entry, certificate=certificate),), {}, renewal.Wish(), NOW)
    assert [OWNED.path in warning for warning in planned.warnings] == ([True] if warned else [])


def test_an_owned_kubeconfig_that_is_not_there_is_passed_over() -> None:
    owned = renewal.Found(OWNED, ca_cert=CA, ca_key=CA_KEY)
    planned = renewal.plan((owned,), STARTED, renewal.Wish("all"), NOW)
    assert (planned.steps, planned.refusals) == ((), ())
