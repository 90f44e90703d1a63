# SPDX-License-Identifier: GPL-3.0-or-later
"""What is asked of etcd before a node is let in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from ansible_collections.kubeops.cluster.plugins.module_utils._core.errors import KubeopsError, Refusal
from ansible_collections.kubeops.cluster.plugins.module_utils._etcd.gateway import Gateway
from ansible_collections.kubeops.cluster.plugins.module_utils._etcd.model import Member
from ansible_collections.kubeops.cluster.plugins.module_utils._kubeadm import credentials
from ansible_collections.kubeops.cluster.plugins.module_utils._x509 import issue

NOW = datetime(2026, 11, 21, 12, 0, 0, tzinfo=timezone.utc)
DAY = timedelta(days=1)
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


@pytest.fixture
def etcd_pki(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A control plane of kubeadm's with a member of etcd and all its pairs."""
    (tmp_path / "etcd").mkdir()
    key = issue.make_key("ecdsa-p256")
    authority = issue.make_ca(key, "etcd-ca", NOW - DAY, 400 * DAY)
    (tmp_path / "etcd" / "ca.crt").write_bytes(authority)
    for name in credentials.ETCD_CLIENTS:
        write_pair(tmp_path, name, issue.issue(issue.Leaf(name), authority, key, NOW, 90 * DAY, "ecdsa-p256"))
    (tmp_path / "etcd.yaml").write_text(
        "    - --name=cp1\n    - --advertise-client-urls=https://192.0.2.1:2379\n", encoding="ascii"
    )
    monkeypatch.setattr(credentials.paths, "PKI", str(tmp_path))
    monkeypatch.setattr(credentials.paths, "ETCD_CA", str(tmp_path / "etcd" / "ca.crt"))
    monkeypatch.setattr(credentials.paths, "MANIFESTS", str(tmp_path))
    monkeypatch.setattr(credentials.clock, "now", lambda: NOW)
    return tmp_path


def write_pair(pki: Path, name: str, pair: tuple[bytes, bytes]) -> None:
    (pki / f"{name}.key").write_bytes(pair[0])
    (pki / f"{name}.crt").write_bytes(pair[1])


def foreign(days: int = 90) -> tuple[bytes, bytes]:
    key = issue.make_key("ecdsa-p256")
    authority = issue.make_ca(key, "etcd-ca", NOW - DAY, 400 * DAY)
    return issue.issue(issue.Leaf("other"), authority, key, NOW, days * DAY, "ecdsa-p256")


def test_etcd_is_asked_with_a_pair_that_it_takes(etcd_pki: Path) -> None:
    def asked() -> str:
        gateway = credentials.local_etcd()
        assert gateway is not None
        assert gateway.key_file == gateway.cert_file.replace(".crt", ".key")
        return str(Path(gateway.cert_file).relative_to(etcd_pki))

    assert asked() == "apiserver-etcd-client.crt"
    (etcd_pki / "apiserver-etcd-client.key").unlink()
    assert asked() == "etcd/healthcheck-client.crt"
    write_pair(etcd_pki, "etcd/healthcheck-client", foreign())
    assert asked() == "etcd/peer.crt"
    (etcd_pki / "etcd" / "peer.key").write_bytes(issue.make_key("ecdsa-p256"))
    assert asked() == "etcd/server.crt"
    (etcd_pki / "etcd" / "server.crt").write_bytes(b"text")
    assert asked() == "apiserver-etcd-client.crt"


def test_a_pair_that_has_ended_is_none(etcd_pki: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(credentials.clock, "now", lambda: NOW + 91 * DAY)
    pairs = [(str(etcd_pki / f"{name}.crt"), str(etcd_pki / f"{name}.key")) for name in credentials.ETCD_CLIENTS]
    assert not any(credentials._is_taken(*pair) for pair in pairs)


@pytest.mark.parametrize(
    ("answering", "healthy", "said"),
    [
        (("192.0.2.1", "192.0.2.2"), ("cp1", "cp2", "cp3"), ""),
        (("192.0.2.2",), ("cp2", "cp3"), ""),
        (("192.0.2.1", "192.0.2.2"), ("cp1", "cp2"), "bring the members named back, then run again."),
        (("192.0.2.2",), ("cp2",), "recover_certificates with --limit to this host"),
        ((), (), "recover_certificates with --limit to this host"),
    ],
    ids=["all well", "the others answer", "another one is down", "another one is down too", "nobody answers"],
)
def test_the_others_are_asked_where_this_member_cannot_be(
    etcd_pki: Path,
    monkeypatch: pytest.MonkeyPatch,
    answering: Sequence[str],
    healthy: Sequence[str],
    said: str,
) -> None:
    listed = [replace(member, healthy=member.name in healthy) for member in members(cp1="", cp2="", cp3="")]

    def answer(gateway: Gateway) -> list[Member]:
        if not any(f"//{address}:2379" in gateway.url for address in answering):
            raise KubeopsError(f"no answer from {gateway.url}")
        return listed

    monkeypatch.setattr(Gateway, "members", answer)
    monkeypatch.setattr(Gateway, "members_with_health", answer)
    if not said:
        credentials.require_spare_member(["192.0.2.2"])
        return
    with pytest.raises(KubeopsError) as refused:
        credentials.require_spare_member(["192.0.2.2"])
    assert str(refused.value).endswith(said if said.endswith(".") else f"{said}.")
    assert (getattr(refused.value, "rule", "") == "etcd_quorum") is bool(answering)
