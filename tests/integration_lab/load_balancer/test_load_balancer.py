# SPDX-License-Identifier: GPL-3.0-or-later
"""The role with the real haproxy and keepalived, before servers that stand for API servers, asked by real clients."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.kubeops.cluster.plugins.module_utils._load_balancer import haproxy
from ansible_collections.kubeops.cluster.plugins.module_utils._load_balancer.model import (
    ADMIN_SOCKET,
    CHECK_SCRIPT,
    Backend,
    Haproxy,
)
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.integration_lab.lab_runner import REPOSITORY, LabRunner
from tests.integration_lab.load_balancer.client import Client, KeptConnection
from tests.lab.inventory import ENDPOINT_PORT

HERE = Path(__file__).parent
LAB = "lb"
NODES = ("cp1", "cp2", "cp3")
# A haproxy beside that of the role, before a port where nothing listens.
MONITOR = 18405
NOWHERE = Haproxy(18443, (Backend("cp1", "127.0.0.1", 9),), monitor_port=MONITOR)
SETTLED = 30.0  # seconds within which the virtual address is somewhere


@dataclass
class Balanced:
    """Three nodes with servers, and the playbook run against them."""

    lab: LabRunner
    folder: Path

    @property
    def data(self) -> dict[str, Any]:
        text = self.lab.paths.inventory(LAB).read_text()
        inventory: dict[str, Any] = json.loads(text[text.index("{") :])
        return inventory

    @property
    def vip(self) -> str:
        return str(self.data["all"]["vars"]["kubeops_vip"])

    def play(self, playbook: str, control_planes: Sequence[str] = NODES, **variables: object) -> None:
        """Run a playbook with these hosts in the group control_plane."""
        data = self.data
        data["all"]["children"]["control_plane"]["hosts"] = {name: {} for name in control_planes}
        inventory = self.folder / "inventory.yml"
        inventory.write_text(json.dumps(data))
        program = str(Path(sys.executable).with_name("ansible-playbook"))
        command = [program, "-i", str(inventory), str(HERE / playbook), "-e", json.dumps(variables)]
        environment = {
            **self.lab.environment,
            "ANSIBLE_CONFIG": str(REPOSITORY / "ansible.cfg"),
            "ANSIBLE_COLLECTIONS_PATH": str(REPOSITORY / ".build/collections"),
        }
        done = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout[-3000:]

    def holders(self, nodes: Sequence[str] = NODES) -> list[str]:
        """Nodes that hold the virtual address."""
        show = ["ip", "-brief", "address", "show", "to", self.vip]
        return [node for node in nodes if self.lab("exec", "--id", LAB, node, *show).strip()]


def write_certificate(folder: Path) -> None:
    """tls.crt and tls.key, signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "api-server")])
    now = datetime.now(timezone.utc)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(now - timedelta(hours=1)).not_valid_after(now + timedelta(days=1))
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    (folder / "tls.crt").write_bytes(builder.sign(key, hashes.SHA256()).public_bytes(pem))
    (folder / "tls.key").write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))


@pytest.fixture(scope="module")
def balanced(shared_lab: LabRunner, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Balanced]:
    """Three servers, two of them in the inventory's control plane and behind the virtual address."""
    folder = tmp_path_factory.mktemp("load_balancer")
    write_certificate(folder)
    shared_lab("up", "--id", LAB, "--nodes", ",".join(f"{node}:control_plane" for node in NODES))
    made = Balanced(shared_lab, folder)
    made.play("servers.yml", files=[str(HERE / "api_server.py"), str(folder / "tls.crt"), str(folder / "tls.key")])
    made.play("balance.yml", NODES[:2])
    deadline = time.monotonic() + SETTLED
    while not made.holders():
        assert time.monotonic() < deadline, "nobody takes the virtual address"
        time.sleep(0.5)
    yield made


@pytest.mark.parametrize(
    "settings",
    [
        NOWHERE,
        Haproxy(8443, (Backend("a", "2001:db8::1", 6443), Backend("b", "2001:db8::2", 6443)), peers=("2001:db8::2",)),
        Haproxy(8443, (Backend("a", "192.0.2.1", 6443),), bind_address="192.0.2.100", hard_stop_after="30m"),
    ],
)
def test_haproxy_accepts_the_configuration(settings: Haproxy, balanced: Balanced) -> None:
    script = 'printf %s "$1" > /run/candidate.cfg; haproxy -c -f /run/candidate.cfg'
    done = balanced.lab.try_run("exec", "--id", LAB, "cp1", "sh", "-c", script, "sh", haproxy.render(settings))
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr


def may_hold_the_address(balanced: Balanced, *peers: str) -> bool:
    """What the check script of cp1 tells keepalived."""
    return balanced.lab.try_run("exec", "--id", LAB, "cp1", CHECK_SCRIPT, str(MONITOR), *peers).returncode == 0


def test_the_address_is_given_up_without_haproxy_and_stays_without_any_api_server(balanced: Balanced) -> None:
    assert not may_hold_the_address(balanced)
    config = haproxy.render(NOWHERE).replace(ADMIN_SOCKET, "/run/lone.sock")
    script = 'printf %s "$1" > /run/lone.cfg; systemd-run --unit=lone haproxy -db -f /run/lone.cfg'
    balanced.lab("exec", "--id", LAB, "cp1", "sh", "-c", script, "sh", config)
    deadline = time.monotonic() + SETTLED
    while not may_hold_the_address(balanced, "127.0.0.2"):
        assert time.monotonic() < deadline, "the address is given up though no load balancer reaches an API server"
        time.sleep(0.2)


def test_a_changed_set_of_control_planes_drops_no_connection(balanced: Balanced) -> None:
    with ExitStack() as open_clients:
        kept = [open_clients.enter_context(KeptConnection(balanced.vip, ENDPOINT_PORT)) for __ in range(4)]
        client = open_clients.enter_context(Client(balanced.vip, ENDPOINT_PORT))
        assert {each.backend for each in kept} == {"cp1", "cp2"}
        for control_planes in (NODES, NODES[1:]):
            balanced.play("balance.yml", control_planes)
            time.sleep(2)
    assert client.failures == []
    assert "cp3" in client.answered_by, "the added server got no request"
    assert [each.failure for each in kept] == [""] * len(kept)
    assert min(each.answers for each in kept) > 0


def test_the_address_leaves_a_node_that_dies(balanced: Balanced) -> None:
    balanced.play("balance.yml")
    (holder,) = balanced.holders()
    others = [node for node in NODES if node != holder]
    with Client(balanced.vip, ENDPOINT_PORT, timeout=2.0) as client:
        time.sleep(1)
        balanced.lab("stop", "--id", LAB, holder)
        deadline = time.monotonic() + SETTLED
        while not balanced.holders(others):
            assert time.monotonic() < deadline, f"nobody takes the virtual address of {holder}"
            time.sleep(0.5)
        time.sleep(2)
    assert client.requests[-1][0] > client.failures[-1][0], f"still failing: {client.failures[-1]}"
