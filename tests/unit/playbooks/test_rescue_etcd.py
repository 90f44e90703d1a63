# SPDX-License-Identifier: GPL-3.0-or-later
"""Which hosts the plays of rescue_etcd choose."""

from __future__ import annotations

import jinja2
import pytest
import yaml

from tools import paths

PLAYS = yaml.safe_load((paths.ROOT / "playbooks" / "rescue_etcd.yml").read_text())
GROUPS = {"all": ["cp1", "cp2", "w1"], "control_plane": ["cp1", "cp2"], "workers": ["w1"]}


@pytest.mark.parametrize(
    ("given", "hosts"),
    [
        ({"member": "cp2"}, [[], ["cp2"], [], []]),
        ({"member": "cp33"}, [["localhost"], ["cp33"], [], []]),  # the first play fails, and no other one runs
        ({}, [[], [], ["cp1", "cp2"], ["cp1", "cp2", "w1"]]),
    ],
)
def test_hosts(given: dict[str, str], hosts: list[list[str]]) -> None:
    environment = jinja2.Environment(autoescape=False)
    found = [environment.from_string(play["hosts"]).render(groups=GROUPS, **given) for play in PLAYS]
    assert found == [str(each) for each in hosts]
