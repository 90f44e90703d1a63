# SPDX-License-Identifier: GPL-3.0-or-later
"""What a connection to another control plane is given, with Ansible's own plugins."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
from ansible.playbook.play_context import PlayContext
from ansible.playbook.task import Task
from ansible.plugins.loader import become_loader, connection_loader, shell_loader
from ansible_collections.kubeops.cluster.plugins.plugin_utils.control_plane import ControlPlanes


def control_planes(context: PlayContext) -> ControlPlanes:
    action = SimpleNamespace(_task=Task.load({"command": "true", "timeout": 600}), _play_context=context)
    return ControlPlanes(cast(Any, action), {"groups": {"control_plane": ["cp1"]}})


@pytest.mark.parametrize(
    ("typed", "variables", "password", "flags"),
    [
        pytest.param("typed", {}, "typed", "-H -S -p", id="typed, as with -K"),
        pytest.param("typed", {"ansible_become_password": "cp1s"}, "cp1s", "-H -S -p", id="the host has its own"),
        pytest.param(None, {"ansible_become_password": "cp1s"}, "cp1s", "-H -S -p", id="by variable alone"),
        pytest.param(None, {}, None, "-H -S -n", id="none is needed"),
    ],
)
def test_password_of_sudo(typed: str | None, variables: dict[str, str], password: str | None, flags: str) -> None:
    context = PlayContext(passwords={"become_pass": typed})
    become = become_loader.get("sudo")
    control_planes(context)._configure("become", become, variables)
    assert become.get_option("become_pass") == password
    assert f"sudo {flags}" in become.build_become_command("true", shell_loader.get("sh"))


@pytest.mark.parametrize(
    ("variables", "password"), [({}, "typed"), ({"ansible_password": "cp1s"}, "cp1s")], ids=["as with -k", "its own"]
)
def test_password_and_timeout_of_ssh(variables: dict[str, str], password: str) -> None:
    context = PlayContext(passwords={"conn_pass": "typed"})
    context.timeout = 33
    connection = connection_loader.get("ssh", context, None)
    control_planes(context)._configure("connection", connection, variables)
    assert connection.get_option("password") == password
    assert connection.get_option("timeout") == 33
