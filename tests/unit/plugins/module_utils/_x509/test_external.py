# SPDX-License-Identifier: GPL-3.0-or-later
"""What is asked of the holder of a CA, and which of its answers are refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from ansible_collections.kubeops.cluster.plugins.module_utils._core.errors import KubeopsError
from ansible_collections.kubeops.cluster.plugins.module_utils._core.plan import Plan
from ansible_collections.kubeops.cluster.plugins.module_utils._x509 import external, issue, renew, renewal
from ansible_collections.kubeops.cluster.plugins.module_utils._x509.estate import Endpoint, Entry

NOW = datetime.now(timezone.utc).replace(microsecond=0)
DAY = timedelta(days=1)
LEAF = issue.Leaf("kube-apiserver", (), ("kubernetes",), ("192.0.2.1",), ("server",))
CA_KEY = issue.make_key("ecdsa-p256")
CA = issue.make_ca(CA_KEY, "company", NOW, 400 * DAY)
OTHER_KEY = issue.make_key("ecdsa-p256")
OTHER_CA = issue.make_ca(OTHER_KEY, "company", NOW, 400 * DAY)
KEY, CERT = issue.issue(LEAF, CA, CA_KEY, NOW, 10 * DAY, "ecdsa-p256")
FOUND = renewal.Found(Entry("apiserver", "/apiserver.crt", authority="ca"), CERT, KEY, CA, None)


@pytest.fixture(autouse=True)
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(external, "DIRECTORY", str(tmp_path / "requests"))
    return tmp_path / "requests"


def sign(csr: bytes, leaf: issue.Leaf = LEAF, days: int = 90, ca: bytes = CA, key: bytes = CA_KEY) -> bytes:
    return issue.sign(csr, leaf, ca, key, NOW, days * DAY)


def install(pem: bytes) -> Plan:
    return external.plan_install([FOUND], {"apiserver": pem}, NOW, 30 * DAY)


def evidence(planned: Plan) -> str:
    return "; ".join(refused.evidence for refused in planned.refusals)


def test_the_key_stays_and_the_request_is_handed_out_again(directory: Path) -> None:
    csr = external.request(FOUND)
    assert issue.leaf_of_csr(csr) == LEAF
    assert (directory / "apiserver.key").stat().st_mode & 0o777 == 0o600
    assert b"PRIVATE" not in csr
    assert external.request(FOUND) == csr == external.waiting(FOUND)
    longer = issue.issue(replace(LEAF, dns_names=("kubernetes", "api")), CA, CA_KEY, NOW, DAY, "ecdsa-p256")[1]
    assert external.waiting(replace(FOUND, certificate=longer)) is None


@pytest.mark.parametrize(("ca_key", "expected"), [(None, ["apiserver"]), (CA_KEY, [])])
def test_only_what_cannot_be_renewed_here_is_requested(ca_key: bytes | None, expected: list[str]) -> None:
    wish = renewal.Wish(renew_before=30 * DAY)
    planned = external.plan_requests([replace(FOUND, ca_key=ca_key)], wish, NOW)
    assert [step.target for step in planned.steps] == expected
    assert planned.refusals == ()


def test_what_was_asked_is_installed() -> None:
    planned = install(sign(external.request(FOUND)))
    assert [(step.action, step.target) for step in planned.steps] == [("install", "apiserver")]
    assert planned.refusals == ()


def test_nothing_is_asked_or_installed_where_a_link_is() -> None:
    pem = sign(external.request(FOUND))
    linked = replace(FOUND, links=("/apiserver.key is a symbolic link to /a",))
    wish = renewal.Wish("all")
    planned = (
        external.plan_requests([linked], wish, NOW),
        external.plan_install([linked], {"apiserver": pem}, NOW, 30 * DAY),
    )
    assert [[refused.rule for refused in each.refusals] for each in planned] == [["certificate_linked"]] * 2


@pytest.mark.parametrize("whole", [True, False])
def test_an_intermediate_signs_where_its_own_certificate_comes_along(
    intermediate: Callable[[bytes, bytes, datetime], tuple[bytes, bytes]], whole: bool
) -> None:
    between, key = intermediate(CA, CA_KEY, NOW)
    leaf = sign(external.request(FOUND), ca=between, key=key)
    planned = install(leaf + between if whole else leaf)
    assert evidence(planned) == "" if whole else "CN=intermediate signed it" in evidence(planned)


def test_what_is_installed_already_is_no_step() -> None:
    assert install(CERT) == Plan()


def other_key() -> bytes:
    return issue.issue(LEAF, CA, CA_KEY, NOW, 90 * DAY, "ecdsa-p256")[1]


def other_names() -> bytes:
    leaf = replace(LEAF, dns_names=("evil",))
    key = (Path(external.DIRECTORY) / "apiserver.key").read_bytes()
    return sign(issue.make_csr(key, leaf), leaf)


def other_usage() -> bytes:
    leaf = replace(LEAF, usages=("client",))
    return sign(external.request(FOUND), leaf)


@pytest.mark.parametrize(
    ("answer", "seen"),
    [
        (other_key, "its public key is not the one of the request"),
        (other_names, "DNS names: evil, wanted kubernetes"),
        (other_usage, "usages: client, wanted server"),
        (lambda: sign(external.request(FOUND), ca=OTHER_CA, key=OTHER_KEY), "signed it, and components trust"),
        (lambda: sign(external.request(FOUND), days=3), "it ends in 3 days"),
        (lambda: CA, "it is a CA"),
        (lambda: b"no certificate", "it cannot be read"),
        (lambda: b"", "it cannot be read"),
    ],
)
def test_what_was_not_asked_is_refused(answer: object, seen: str) -> None:
    external.request(FOUND)
    assert seen in evidence(install(answer()))  # type: ignore[operator]


def test_nobody_asked() -> None:
    assert "no request of this node waits for it" in evidence(install(other_key()))
    unknown = external.plan_install([FOUND], {"scheduler": CERT}, NOW, 30 * DAY)
    assert "scheduler is none of apiserver" in evidence(unknown)


@pytest.mark.parametrize(
    ("at_once", "fix"), [((), "recover_certificates"), ((external.AT_ONCE,), "external_ca_api_required=false")]
)
def test_the_way_out_of_a_cluster_that_is_down_is_of_who_signs(
    tmp_path: Path, at_once: tuple[str, ...], fix: str
) -> None:
    path = tmp_path / "server.crt"
    path.write_bytes(CERT)
    nobody = Endpoint("127.0.0.1", 1, "etcd")
    found = replace(FOUND, entry=Entry("etcd-server", str(path), endpoints=(nobody,)))
    with pytest.raises(KubeopsError) as raised:
        renew.wait_until_served([found], -1.0, *at_once)
    assert fix in raised.value.fix
