# SPDX-License-Identifier: GPL-3.0-or-later
"""Nodes whose administrator is no root: a login of its own, and sudo that asks for a password."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path

from .cluster import FULL_ONLY, Cluster
from .conftest import own_lab

pytestmark = FULL_ONLY

PASSWORD = "correct-horse"
LOGIN = f"""
useradd --create-home --groups sudo --shell /bin/bash ops && echo ops:{PASSWORD} | chpasswd
install -d -m 0700 -o ops /home/ops/.ssh && install -m 0600 -o ops /root/.ssh/authorized_keys /home/ops/.ssh/
"""
NODES = ("cp1", "cp2", "w1")


def test_everything_works_with_a_password_for_sudo(
    make_cluster: Callable[[str, str, str], Cluster], version: str, tmp_path: Path
) -> None:
    """Also what a node's task does on a control plane, as a join; and a snapshot on its way to the controller."""
    made = make_cluster(own_lab("become"), version, "cp1:control_plane,cp2:control_plane,w1:workers")
    for node in NODES:
        made.sh(node, LOGIN)
    secret = tmp_path / "password"
    secret.write_text(PASSWORD + "\n")
    made.extra_vars["ansible_user"] = "ops"
    become = ("--become", "--become-password-file", str(secret))
    run = made.run(*become)
    assert run.rc == 0, run.tail()
    made.assert_healthy(NODES)
    again = made.run(*become)
    assert (again.rc, again.changed_hosts) == (0, {}), again.tail()

    copies = {"etcd_backup_controller_directory": str(tmp_path / "copies")}
    run = made.run("-vvv", *become, playbook="backup_etcd", extra=copies)
    assert run.rc == 0, run.tail()
    snapshot = next((tmp_path / "copies").rglob("*.db"))
    assert snapshot.stat().st_mode & 0o777 == 0o600
    data = snapshot.read_bytes()
    secrets = data.index(b"/registry/secrets/") // 3 * 3  # where base64 of the whole has a group of four
    assert base64.b64encode(data[secrets : secrets + 300]).decode() not in run.output
    assert PASSWORD not in run.output
