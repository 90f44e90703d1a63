# SPDX-License-Identifier: GPL-3.0-or-later
"""Init never beside another control plane, reset never of a cluster's member."""

from __future__ import annotations

import http.server
import ssl
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.kubeops.cluster.plugins.module_utils._core.errors import Refusal
from ansible_collections.kubeops.cluster.plugins.module_utils._core.plan import Plan, Step
from ansible_collections.kubeops.cluster.plugins.module_utils._etcd.model import Member
from ansible_collections.kubeops.cluster.plugins.module_utils._kubeadm import paths, plan, safety
from ansible_collections.kubeops.cluster.plugins.module_utils._x509 import issue

INIT = Plan((Step(plan.INIT, "cp1", "a reason"),))
NOTHING_YET = {"markers": {"etcd_data": False, "unfinished": "init"}}


def member(name: str) -> Member:
    return Member(name, name, (), ())


ALONE = (member("cp1"),)
TWO = (member("cp1"), member("cp2"))


@pytest.mark.parametrize(
    ("etcd_data", "unfinished", "members", "rule"),
    [
        pytest.param(False, "", None, "", id="etcd never wrote"),
        pytest.param(True, "init", ALONE, "", id="alone"),
        pytest.param(True, "init", TWO, "etcd_has_other_members", id="others joined an init that did not end"),
        pytest.param(True, "", TWO, "etcd_has_other_members", id="member of a cluster"),
        pytest.param(True, "", None, "etcd_silent", id="a broken member"),
        pytest.param(True, "init", None, "etcd_silent", id="init is no proof that nobody joined"),
        pytest.param(True, "reset", None, "", id="an earlier reset stopped it"),
        pytest.param(True, "reset", TWO, "etcd_has_other_members", id="an earlier reset did not stop it"),
    ],
)
def test_only_a_member_known_to_be_alone_is_reset(
    etcd_data: bool, unfinished: str, members: tuple[Member, ...] | None, rule: str
) -> None:
    markers = {"etcd_data": etcd_data, "unfinished": unfinished}
    if not rule:
        safety.require_alone(markers, members)
        return
    with pytest.raises(Refusal) as refused:
        safety.require_alone(markers, members)
    assert refused.value.rule == rule
    assert "kubeops_on_partial=resume" in refused.value.fix


class Version(http.server.BaseHTTPRequestHandler):
    """Answers as GET /version of an API server does."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"gitVersion": "v1.36.3"}')

    def log_message(self, *_: Any) -> None:
        pass


class Server(http.server.ThreadingHTTPServer):
    def handle_error(self, *_: Any) -> None:
        """A client that only looks at the certificate is no error."""


def api_server_certificate(directory: Path) -> Path:
    """A file with a certificate and its key."""
    now, day = datetime.now(timezone.utc), timedelta(days=1)
    ca_key = issue.make_key("ecdsa-p256")
    ca = issue.make_ca(ca_key, "kubernetes", now, day)
    leaf = issue.Leaf("kube-apiserver", (), ("localhost",), ("127.0.0.1",), ("server",))
    key, certificate = issue.issue(leaf, ca, ca_key, now, day, "ecdsa-p256")
    directory.mkdir()
    (directory / "apiserver.crt").write_bytes(certificate)
    (directory / "both.pem").write_bytes(certificate + key)
    return directory


@pytest.fixture
def pki(tmp_path: Path) -> Path:
    return api_server_certificate(tmp_path / "served")


@pytest.fixture
def endpoint(pki: Path) -> Iterator[str]:
    """Where something answers over TLS."""
    server = Server(("127.0.0.1", 0), Version)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pki / "both.pem")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def require_no_other_cluster(monkeypatch: pytest.MonkeyPatch, own: Path, endpoint: str) -> None:
    monkeypatch.setattr(paths, "API_SERVER_CERT", str(own))
    safety.require_no_other_cluster(NOTHING_YET, INIT, endpoint)


def test_this_node_itself_may_answer(monkeypatch: pytest.MonkeyPatch, pki: Path, endpoint: str) -> None:
    require_no_other_cluster(monkeypatch, pki / "apiserver.crt", endpoint)


@pytest.mark.parametrize("own", ["another", "nothing"])
def test_no_other_api_server_may_answer(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, endpoint: str, own: str
) -> None:
    directory = api_server_certificate(tmp_path / own) if own == "another" else tmp_path / own
    with pytest.raises(Refusal) as refused:
        require_no_other_cluster(monkeypatch, directory / "apiserver.crt", endpoint)
    assert refused.value.rule == "endpoint_in_use"


@pytest.mark.parametrize("endpoint", ["", "127.0.0.1:9"], ids=["no endpoint", "nobody answers"])
def test_silence_is_well(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, endpoint: str) -> None:
    require_no_other_cluster(monkeypatch, tmp_path / "apiserver.crt", endpoint)
