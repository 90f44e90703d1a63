# SPDX-License-Identifier: GPL-3.0-or-later
"""Which API server a control plane's kubelet asks while the static pods of its node are replaced."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.kubeops.cluster.plugins.module_utils._core.errors import KubeopsError
from ansible_collections.kubeops.cluster.plugins.module_utils._core.runner import Programs, Runner
from ansible_collections.kubeops.cluster.plugins.module_utils._kubeadm import kubelet_server

OWN, ENDPOINT, ANOTHER = "https://192.0.2.11:6443", "https://192.0.2.10:8443", "https://192.0.2.12:6443"
KUBECONFIG = "clusters:\n- cluster:\n    server: {}\n  name: kubernetes\n"


@dataclass
class Node:
    """A kubelet that reads its file when it is restarted, and works with some API servers only."""

    directory: Path
    works_with: Sequence[str] = (OWN, ENDPOINT)
    starts: list[str] = field(default_factory=list)
    renewals: int = 0

    @property
    def file(self) -> Path:
        return self.directory / "kubelet.conf"

    @property
    def mark(self) -> Path:
        return self.directory / "kubeops" / "kubelet-server.json"

    @property
    def asks(self) -> str:
        return kubelet_server.kubeconfig.server(self.file.read_text())

    def restart(self, argv: Sequence[str], **_options: object) -> None:
        assert list(argv) == ["systemctl", "restart", "kubelet"]
        self.starts.append(self.asks)

    def lease_renewed(self, _server: str) -> str:
        self.renewals += self.asks in self.works_with
        return f"renewal {self.renewals}"

    def own_node(self, server: str) -> dict[str, Any] | None:
        return {"kind": "Node"} if server in self.works_with else None


@pytest.fixture
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Node:
    made = Node(tmp_path)
    made.file.write_text(KUBECONFIG.format(OWN))
    (tmp_path / "admin.conf").write_text(KUBECONFIG.format(ENDPOINT))
    monkeypatch.setattr(kubelet_server.paths, "KUBELET_CONF", str(made.file))
    monkeypatch.setattr(kubelet_server.paths, "ADMIN_CONF", str(tmp_path / "admin.conf"))
    monkeypatch.setattr(kubelet_server.paths, "KUBEOPS", str(made.mark.parent))
    monkeypatch.setattr(kubelet_server, "MARK", str(made.mark))
    monkeypatch.setattr(kubelet_server, "TIMEOUT_SECONDS", 0.0)
    monkeypatch.setattr(kubelet_server.clock.time, "sleep", lambda _seconds: None)
    monkeypatch.setattr(kubelet_server.probe, "own_node", made.own_node)
    monkeypatch.setattr(kubelet_server.probe, "lease_renewed", made.lease_renewed)
    monkeypatch.setattr(kubelet_server.trial, "kubelet_healthy", lambda: True)
    return made


@pytest.fixture
def runner(node: Node, monkeypatch: pytest.MonkeyPatch) -> Runner:
    made = Runner(Programs())
    monkeypatch.setattr(made, "run", node.restart)
    return made


def test_it_asks_the_endpoint_and_then_its_own_again(node: Node, runner: Runner) -> None:
    before = node.file.read_bytes()
    with kubelet_server.at_endpoint(runner, OWN) as moved:
        assert moved and node.asks == ENDPOINT
        assert kubelet_server.left() == ENDPOINT, "what a run that was killed here leaves"
    assert node.starts == [ENDPOINT, OWN]
    assert node.file.read_bytes() == before and node.file.stat().st_mode & 0o777 == 0o600
    assert not node.mark.exists()


@pytest.mark.parametrize(
    ("asks", "endpoint", "works_with"),
    [
        pytest.param(ENDPOINT, ENDPOINT, [OWN, ENDPOINT], id="made by an older kubeadm, it asks the endpoint anyway"),
        pytest.param(ANOTHER, ENDPOINT, [OWN, ENDPOINT], id="somebody chose for it"),
        pytest.param(OWN, OWN, [OWN], id="no endpoint but this node"),
        pytest.param(OWN, ENDPOINT, [OWN], id="an endpoint that does not answer"),
        pytest.param(OWN, "", [OWN, ""], id="no admin.conf"),
    ],
)
def test_it_is_left_alone(node: Node, runner: Runner, asks: str, endpoint: str, works_with: list[str]) -> None:
    node.works_with = works_with
    node.file.write_text(KUBECONFIG.format(asks))
    (node.directory / "admin.conf").write_text(KUBECONFIG.format(endpoint) if endpoint else "")
    with kubelet_server.at_endpoint(runner, OWN) as moved:
        assert not moved and node.asks == asks
    assert node.starts == [] and not node.mark.exists()


def test_one_that_does_not_work_with_the_endpoint_goes_back_at_once(
    node: Node, runner: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kubelet_server.probe, "own_node", lambda _server: {"kind": "Node"})
    node.works_with = [OWN]
    with kubelet_server.at_endpoint(runner, OWN) as moved:
        assert not moved and node.asks == OWN
    assert node.starts == [ENDPOINT, OWN] and not node.mark.exists()


def test_one_that_does_not_come_back_fails_and_the_next_run_knows(node: Node, runner: Runner) -> None:
    with (
        pytest.raises(KubeopsError, match=r"not known to https://192\.0\.2\.11:6443"),
        kubelet_server.at_endpoint(runner, OWN),
    ):
        node.works_with = [ENDPOINT]
    assert node.asks == OWN and kubelet_server.left() == ENDPOINT


def test_what_failed_meanwhile_is_what_is_told(node: Node, runner: Runner) -> None:
    with pytest.raises(KubeopsError, match="the upgrade failed"), kubelet_server.at_endpoint(runner, OWN):
        node.works_with = []
        raise KubeopsError("the upgrade failed")
    assert node.asks == OWN, "it is not left elsewhere"
    assert kubelet_server.left() == ENDPOINT, "and the next run sees whether it works"


def test_a_killed_run_is_settled_by_the_next(node: Node, runner: Runner) -> None:
    with pytest.raises(KeyboardInterrupt), kubelet_server.at_endpoint(runner, OWN):
        raise KeyboardInterrupt
    assert node.asks == ENDPOINT and json.loads(node.mark.read_text()) == {"own": OWN, "meanwhile": ENDPOINT}
    with kubelet_server.at_endpoint(runner, OWN) as moved:
        assert moved
    assert node.starts == [ENDPOINT, OWN], "it was there already"
    assert not node.mark.exists()
    kubelet_server.settle(runner)
    assert node.starts == [ENDPOINT, OWN], "nothing is left to settle"


def test_a_file_made_anew_since_is_nobody_elses_business(node: Node, runner: Runner) -> None:
    with pytest.raises(KeyboardInterrupt), kubelet_server.at_endpoint(runner, OWN):
        raise KeyboardInterrupt
    node.file.write_text(KUBECONFIG.format(ANOTHER))
    assert kubelet_server.left() == ""
    kubelet_server.settle(runner)
    assert node.asks == ANOTHER and not node.mark.exists()
