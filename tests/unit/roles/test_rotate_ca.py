# SPDX-License-Identifier: GPL-3.0-or-later
"""When the controller's copy of admin.conf follows a rotation, and when what clients see is counted."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from jinja2.nativetypes import NativeEnvironment

from tools import paths

TASKS = paths.ROOT / "roles" / "rotate_ca" / "tasks"
STAGES = ["made", "trusted", "published", "signed", "moved", "dropped", "withdrawn", "finished"]


def conditions(file: str, name: str) -> list[str]:
    task = next(task for task in yaml.safe_load((TASKS / file).read_text()) if task["name"].startswith(name))
    return task["when"] if isinstance(task["when"], list) else [task["when"]]


def runs(file: str, name: str, **variables: Any) -> bool:
    environment = NativeEnvironment()
    return all(environment.compile_expression(each)(**variables) for each in conditions(file, name))


@pytest.mark.parametrize("host", ["cp1", "cp2"])
def test_the_copy_follows_once_every_control_plane_is_there(host: str) -> None:
    known = {"inventory_hostname": host, "ansible_play_hosts_all": ["cp1", "cp2"], "__rotate_ca_active": True}
    stages = [
        stage
        for stage in STAGES
        if runs("main.yml", "Copy of", rotate_ca_stage=stage, rotate_ca_kubeconfig_dest="admin.conf", **known)
    ]
    assert stages == (["published", "signed", "withdrawn"] if host == "cp2" else [])


def test_the_client_takes_its_new_certificate_before_the_old_ca_goes() -> None:
    assert [stage for stage in STAGES if runs("clients.yml", "Count on", rotate_ca_stage=stage)] == ["moved"]


def test_the_count_ends_where_a_run_stops_early_too() -> None:
    known: dict[str, Any] = {"__rotate_ca_started": {"authorities": ["ca"]}, "ansible_check_mode": False}
    assert all(runs("main.yml", "What clients see", rotate_ca_stage=stage, **known) for stage in STAGES)
    assert runs("clients.yml", "End the count", rotate_ca_stage="finished")
