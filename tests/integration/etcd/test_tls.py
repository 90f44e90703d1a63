# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates that are wrong in one way each: what the module says, on a real etcd."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import ansible_module
from tests.embedded_etcd import Authority, EtcdCluster


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Another CA, with certificates of the same names."""
    authority = Authority(tmp_path_factory.mktemp("stranger"))
    authority.issue("client", ("client",))
    return authority


def refused(cluster: EtcdCluster, directory: Path, **files: str) -> str:
    """Take a snapshot with these certificates; the message of the failure."""
    wanted = {**cluster.authority.options(), **files}
    result = ansible_module.run(
        "etcd_snapshot", {"endpoints": [cluster.members[0].url], "directory": str(directory), **wanted}
    )
    assert result["failed"], result
    assert not list(directory.glob("*.db*"))
    return str(result["msg"])


@pytest.mark.parametrize(
    ("server", "words"),
    [
        ("server-expired", ("certificate of etcd", "expired", "renew")),
        ("server-of-another-name", ("127.0.0.1", "not valid for this name")),
        ("server-without-client", ("clientAuth",)),
    ],
)
def test_wrong_server_certificates(
    make_cluster: Callable[..., EtcdCluster], tmp_path: Path, server: str, words: tuple[str, ...]
) -> None:
    cluster = make_cluster(server=server, wait=False)
    deadline = time.monotonic() + 60
    while "ConnectionRefused" in (message := refused(cluster, tmp_path)):
        assert time.monotonic() < deadline, message
        time.sleep(0.2)
    assert all(word in message for word in words), message


def test_wrong_files_of_the_client(single: EtcdCluster, stranger: Authority, tmp_path: Path) -> None:
    own = single.authority
    own.issue("client-expired", ("client",), expired=True)
    own.issue("client-server-only", ("server",))
    (tmp_path / "text.crt").write_text("no certificate\n")
    cases = {
        "another CA": (stranger.options()["ca_file"], "client", ("another CA", "ca_file")),
        "a missing CA": (str(tmp_path / "none.crt"), "client", ("none.crt", "no such file")),
        "no PEM": (str(tmp_path / "text.crt"), "client", ("text.crt", "holds no PEM certificate")),
        "expired": ("", "client-expired", ("refused the client certificate", "expired")),
        "without clientAuth": ("", "client-server-only", ("refused the client certificate",)),
    }
    for title, (ca_file, client, words) in cases.items():
        files = {**own.options(client), **({"ca_file": ca_file} if ca_file else {})}
        message = refused(single, tmp_path, **files)
        assert all(word in message for word in words), f"{title}: {message}"
    theirs = {key: value for key, value in stranger.options().items() if key != "ca_file"}
    message = refused(single, tmp_path, **theirs)
    assert "refused the client certificate" in message, message
    message = refused(single, tmp_path, key_file=stranger.options()["key_file"])
    assert "key_file" in message and "does not belong" in message, message
