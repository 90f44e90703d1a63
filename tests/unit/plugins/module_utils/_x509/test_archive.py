# SPDX-License-Identifier: GPL-3.0-or-later
"""Which saved PKI is put back, and what is refused."""

from __future__ import annotations

import base64
import tarfile
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from ansible_collections.kubeops.cluster.plugins.module_utils._core.errors import KubeopsError
from ansible_collections.kubeops.cluster.plugins.module_utils._kubeadm import paths
from ansible_collections.kubeops.cluster.plugins.module_utils._x509 import archive, backup, estate, issue
from ansible_collections.kubeops.cluster.plugins.module_utils._x509.renewal import Found

NOW = datetime(2026, 11, 21, 12, 0, 0, tzinfo=timezone.utc)
DAY = timedelta(days=1)
KIND = "ecdsa-p256"
CA_PATH, CERT, KEY, CONF = "/pki/ca.crt", "/pki/apiserver.crt", "/pki/apiserver.key", "/scheduler.conf"


def authority() -> tuple[bytes, bytes]:
    key = issue.make_key(KIND)
    return issue.make_ca(key, "kubernetes", NOW - 30 * DAY, 3650 * DAY), key


CA, OTHER = authority(), authority()


def pair(ca: tuple[bytes, bytes] = CA, name: str = "cp1", days: int = 20) -> tuple[bytes, bytes]:
    leaf = issue.Leaf("kube-apiserver", (), ("kubernetes", name), ("192.0.2.1",), ("server",))
    key, certificate = issue.issue(leaf, *ca, NOW - 30 * DAY, (30 + days) * DAY, KIND)
    return certificate, key


def saved(certificate: bytes, key: bytes, ca: bytes = CA[0]) -> dict[str, bytes]:
    encoded = [base64.b64encode(pem).decode() for pem in (certificate, key)]
    conf = f"users:\n- user:\n    client-certificate-data: {encoded[0]}\n    client-key-data: {encoded[1]}\n"
    return {CA_PATH: ca, CERT: certificate, KEY: key, CONF: conf.encode(), "/pki/sa.key": b"key"}


GOOD = pair()
SERVER = estate.Entry("apiserver", CERT, key_path=KEY, use=estate.SERVER, authority="ca")
SCHEDULER = estate.Entry("scheduler.conf", CONF, form=estate.KUBECONFIG, use=estate.CLIENT, authority="ca")
FOUND = [Found(entry, *GOOD, *CA, ca_path=CA_PATH) for entry in (SERVER, SCHEDULER)]


@pytest.mark.parametrize(
    ("contents", "expected"),
    [
        (saved(*GOOD), []),
        (saved(*pair(days=-1)), ["it ended at 2026-11-20 12:00 UTC"] * 2),
        (saved(GOOD[0], pair()[1]), ["its key belongs to another certificate"] * 2),
        (saved(*pair(name="cp2")), ["it is another node's: kubernetes, cp2, 192.0.2.1, and this is cp1"]),
        (saved(*pair(ca=OTHER)), ["its CA did not sign it"] * 2),
        (saved(*pair(ca=OTHER), ca=OTHER[0]), ["the node's CA is another one by now"]),
        ({CERT: GOOD[0]}, [f"{KEY} is not in the archive"]),
        ({**saved(*GOOD), CERT: b"text"}, ["no certificate"]),
        ({CONF: b"users: [{user: {token: abc}}]"}, []),
        ({CONF: b"\xff"}, ["it cannot be read"]),
        ({"/pki/sa.key": b"key"}, []),
    ],
    ids=[
        *("good", "ended", "other key", "another node", "not of its CA", "before a rotation", "no key"),
        *("no certificate", "no client certificate", "no text", "nothing to judge"),
    ],
)
def test_what_may_be_put_back(contents: dict[str, bytes], expected: list[str]) -> None:
    seen = archive.unfit(contents, contents, FOUND, {}, "cp1", NOW)
    assert len(seen) == len(expected), seen
    assert all(part in why for part, why in zip(expected, seen)), seen


@pytest.mark.parametrize(
    ("changing", "expected"), [([CERT], 1), ([KEY], 1), ([CONF], 1), ([], 0)], ids=["it", "its key", "another", "none"]
)
def test_what_the_node_has_as_it_is_is_not_judged(changing: list[str], expected: int) -> None:
    assert len(archive.unfit(saved(*pair(days=-1)), changing, FOUND, {}, "cp1", NOW)) == expected


@pytest.mark.parametrize("present", [None, b"", b"text"])
def test_a_node_that_lost_its_ca_gets_it_back(present: bytes | None) -> None:
    found = [Found(SERVER, None, None, present, None, ca_path=CA_PATH)]
    assert archive.unfit(saved(*GOOD), saved(*GOOD), found, {}, "cp1", NOW) == []
    neighbours = saved(*pair(name="cp2"))
    assert archive.unfit(neighbours, neighbours, found, {}, "", NOW) == []


SA_KEY, SA_PUB = archive.SERVICE_ACCOUNTS


@pytest.mark.parametrize(
    ("present", "expected"),
    [
        ({SA_KEY: b"key", SA_PUB: b"pub"}, []),
        ({SA_PUB: b"pub"}, []),
        ({}, []),
        ({SA_KEY: b"newer", SA_PUB: b"newer"}, [SA_KEY, SA_PUB]),
    ],
    ids=["the same", "half of it lost", "lost", "replaced since"],
)
def test_a_key_for_service_accounts_that_was_replaced_does_not_come_back(
    present: dict[str, bytes], expected: list[str]
) -> None:
    contents = {**saved(*GOOD), SA_KEY: b"key", SA_PUB: b"pub"}
    seen = archive.unfit(contents, contents, FOUND, present, "cp1", NOW)
    assert [line.partition(":")[0] for line in seen] == expected


@pytest.mark.parametrize(("key", "expected"), [(CA[1], 0), (OTHER[1], 1), (b"text", 1)])
def test_a_ca_comes_back_with_its_key_or_not_at_all(key: bytes, expected: int) -> None:
    found = [replace(FOUND[0], ca_key_path="/pki/ca.key")]
    contents = {**saved(*GOOD), "/pki/ca.key": key}
    assert len(archive.unfit(contents, ["/pki/ca.key"], found, {}, "cp1", NOW)) == expected
    assert archive.unfit(contents, [CONF], found, {}, "cp1", NOW) == []


def test_only_what_kubeadm_made_comes_back() -> None:
    others = {"/etc/kubernetes/kubelet.conf": b"", "/pki/ca-next.key": b"", SA_KEY: b"", "/pki/ca.key": CA[1]}
    found = [replace(each, ca_key_path="/pki/ca.key") for each in FOUND]
    seen = archive.restorable({**saved(*GOOD), **others}, found)
    assert sorted(seen) == sorted([CA_PATH, CERT, KEY, CONF, SA_KEY, "/pki/ca.key"])
    named = archive.restorable({**saved(*GOOD), **others}, found, ["apiserver"])
    assert sorted(named) == sorted([CERT, KEY])
    assert archive.absent(named, found, ["apiserver", "scheduler.conf"]) == [f"{CONF} is not in the archive"]


def test_an_archive_holds_what_is_behind_a_link(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    top = tmp_path / "kubernetes"
    (top / "pki").mkdir(parents=True)
    (tmp_path / "elsewhere.crt").write_bytes(b"certificate")
    (top / "pki" / "apiserver.crt").symlink_to(tmp_path / "elsewhere.crt")
    (top / "gone.conf").symlink_to(tmp_path / "nowhere")
    monkeypatch.setattr(paths, "KUBERNETES", str(top))
    monkeypatch.setattr(paths, "PKI", str(top / "pki"))
    monkeypatch.setattr(backup, "DIRECTORY", str(tmp_path / "backups"))
    assert backup.read(backup.save()) == {str(top / "pki" / "apiserver.crt"): (b"certificate", 0o644)}


def test_an_archive_that_holds_a_link_alone_is_not_whole(tmp_path: Path) -> None:
    link = tarfile.TarInfo("etc/kubernetes/pki/apiserver.crt")
    link.type, link.linkname = tarfile.SYMTYPE, "/elsewhere.crt"
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as made:
        made.addfile(link)
    with pytest.raises(KubeopsError, match="not whole"):
        backup.read(str(tmp_path / "a.tar.gz"))
