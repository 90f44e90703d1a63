# SPDX-License-Identifier: GPL-3.0-or-later
"""Which control plane brings the controller's copy of admin.conf up to date."""

from __future__ import annotations

import pytest
import yaml
from jinja2.nativetypes import NativeEnvironment

from tools import paths


@pytest.mark.parametrize(
    ("batch", "copies"),
    [(["cp1"], ["cp1"]), (["cp1", "cp2"], ["cp2"])],
    ids=["one after the other, the last one down", "at once, the last one down"],
)
def test_a_control_plane_that_is_down_keeps_nobody_from_the_copy(batch: list[str], copies: list[str]) -> None:
    tasks = yaml.safe_load((paths.ROOT / "roles" / "renew_certificates" / "tasks" / "main.yml").read_text())
    condition = NativeEnvironment().compile_expression(tasks[-1]["when"][-1])
    variables = {"ansible_play_hosts_all": ["cp1", "cp2", "cp3"], "ansible_play_batch": batch}
    assert [host for host in batch if condition(inventory_hostname=host, **variables)] == copies
