# SPDX-License-Identifier: GPL-3.0-or-later
"""The rendered configurations and the check script against the real haproxy and keepalived."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.kubeops.cluster.plugins.module_utils._load_balancer import check, haproxy
from ansible_collections.kubeops.cluster.plugins.module_utils._load_balancer.model import ADMIN_SOCKET, Backend, Haproxy

PORT = 18443
MONITOR = 18405
NOWHERE = Haproxy(PORT, (Backend("cp1", "127.0.0.1", 9),), monitor_port=MONITOR)

pytestmark = pytest.mark.skipif(not shutil.which("haproxy"), reason="haproxy is not installed")


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "check-kube-apiserver"
    path.write_text(check.SCRIPT)
    path.chmod(0o755)
    return path


def is_open(port: int) -> bool:
    """Whether something listens on loopback."""
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def running(tmp_path: Path) -> Iterator[None]:
    """haproxy with one API server, on a port where nothing listens."""
    config = tmp_path / "haproxy.cfg"
    text = haproxy.render(NOWHERE).replace(ADMIN_SOCKET, str(tmp_path / "admin.sock"))
    config.write_text(text.replace("    chroot /var/lib/haproxy\n    user haproxy\n    group haproxy\n", ""))
    process = subprocess.Popen(["haproxy", "-db", "-f", str(config)])
    try:
        deadline = time.monotonic() + 10
        while not is_open(MONITOR):
            assert process.poll() is None and time.monotonic() < deadline, "haproxy does not listen"
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.wait()


@pytest.mark.parametrize(
    "settings",
    [
        NOWHERE,
        Haproxy(8443, (Backend("a", "2001:db8::1", 6443), Backend("b", "2001:db8::2", 6443)), peers=("2001:db8::2",)),
        Haproxy(8443, (Backend("a", "192.0.2.1", 6443),), bind_address="192.0.2.100", hard_stop_after="30m"),
    ],
)
def test_haproxy_accepts_the_configuration(settings: Haproxy, tmp_path: Path) -> None:
    config = tmp_path / "haproxy.cfg"
    config.write_text(haproxy.render(settings))
    result = subprocess.run(["haproxy", "-c", "-f", str(config)], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert "WARNING" not in result.stderr


def test_the_address_is_given_up_without_haproxy(script: Path) -> None:
    assert subprocess.run([str(script), str(MONITOR)], check=False).returncode == 1


def test_the_address_stays_while_no_api_server_is_anywhere(script: Path, running: None) -> None:
    assert subprocess.run([str(script), str(MONITOR), "127.0.0.2"], check=False).returncode == 0
