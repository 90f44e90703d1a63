# SPDX-License-Identifier: GPL-3.0-or-later
"""What of an archive is put back, and what keeps it from that."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from ansible_collections.kubeops.cluster.plugins.module_utils._core.plan import Plan
from ansible_collections.kubeops.cluster.plugins.module_utils._x509 import estate, issue, renew
from ansible_collections.kubeops.cluster.plugins.module_utils._x509.renewal import Found
from ansible_collections.kubeops.cluster.plugins.modules import cert_renew

NOW = datetime.now(timezone.utc)
DAY = timedelta(days=1)
CA_KEY = issue.make_key("ecdsa-p256")
CA = issue.make_ca(CA_KEY, "kubernetes", NOW - 30 * DAY, 3650 * DAY)


def pair(days: int) -> tuple[bytes, bytes]:
    """Certificate and key."""
    key, certificate = issue.issue(
        issue.Leaf("client", usages=("client",)), CA, CA_KEY, NOW - 30 * DAY, (30 + days) * DAY, "ecdsa-p256"
    )
    return certificate, key


class Node:
    """Pairs below a directory, each in use and in the archive."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.archive: dict[str, tuple[bytes, int]] = {}
        self.found: list[Found] = []

    def path(self, name: str, suffix: str = "crt") -> Path:
        return self.directory / f"{name}.{suffix}"

    def add(self, name: str, here: tuple[bytes, bytes], saved: tuple[bytes, bytes]) -> None:
        for suffix, content, kept in zip(("crt", "key"), here, saved):
            self.path(name, suffix).write_bytes(content)
            self.archive[str(self.path(name, suffix))] = (kept, 0o600)
        path, key_path = str(self.path(name)), str(self.path(name, "key"))
        entry = estate.Entry(name, path, key_path=key_path, use=estate.CLIENT, authority="ca")
        self.found.append(Found(entry, *here, CA, CA_KEY))

    def plan(self, *names: str) -> Plan:
        return cert_renew._restore_plan("/archive", names, renew.Observed(self.found, {}))


@pytest.fixture
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Node:
    made = Node(tmp_path)
    monkeypatch.setattr(cert_renew.backup, "read", lambda _path: made.archive)
    return made


@pytest.mark.parametrize("linked", ["crt", "key"])
def test_nothing_is_put_back_where_a_link_is(node: Node, linked: str) -> None:
    node.add("apiserver", pair(300), pair(20))
    assert (len(node.plan().steps), node.plan().refusals) == (2, ())
    path = node.path("apiserver", linked)
    path.rename(node.directory / "elsewhere")
    path.symlink_to(node.directory / "elsewhere")
    (refused,) = node.plan().refusals
    assert (refused.rule, str(path) in refused.evidence) == ("certificate_linked", True)


def test_what_is_good_of_a_recoverys_archive_comes_back(node: Node) -> None:
    """It holds what had ended, which is renewed by now, and what was left alone."""
    same = pair(300)
    node.add("apiserver", pair(300), pair(20))
    node.add("scheduler", pair(300), pair(-1))
    node.add("front-proxy-client", same, same)
    assert [refused.rule for refused in node.plan().refusals] == ["archive_unfit"]
    assert "renew_certificates_names" in node.plan().refusals[0].fix
    named = node.plan("apiserver")
    assert ([step.target for step in named.steps], named.refusals) == (
        [str(node.path("apiserver")), str(node.path("apiserver", "key"))],
        (),
    )
    assert node.plan("front-proxy-client") == Plan()


def test_what_has_ended_and_is_still_so_keeps_nothing_else_from_coming_back(node: Node) -> None:
    ended = pair(-1)
    node.add("apiserver", pair(300), pair(20))
    node.add("scheduler", ended, ended)
    assert (len(node.plan().steps), node.plan().refusals) == (2, ())


def test_names_that_an_archive_does_not_have(node: Node) -> None:
    node.add("apiserver", pair(300), pair(20))
    node.archive.clear()
    assert [[refused.rule for refused in node.plan(name).refusals] for name in ("apiserver", "api")] == [
        ["archive_unfit"],
        ["certificate_unknown"],
    ]
