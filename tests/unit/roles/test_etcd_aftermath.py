# SPDX-License-Identifier: GPL-3.0-or-later
"""Which nodes have to be back after a restore."""

from __future__ import annotations

import pytest
import yaml
from ansible_collections.kubeops.cluster.plugins.filter.cluster_nodes import cluster_nodes
from jinja2.nativetypes import NativeEnvironment

from tools import paths

ROLE = paths.ROOT / "roles" / "etcd_aftermath"
HOSTVARS: dict[str, dict[str, str]] = {"cp1": {}, "w1": {}, "w2": {}, "win1": {"kubeops_node_name": "node-win1"}}


def rendered(name: str, **variables: object) -> object:
    """A variable of the role."""
    environment = NativeEnvironment()
    environment.filters["kubeops.cluster.cluster_nodes"] = cluster_nodes
    environment.tests["in"] = lambda value, container: value in container
    text = yaml.safe_load((ROLE / "vars" / "main.yml").read_text())[name]
    return environment.from_string(text.strip()).render(hostvars=HOSTVARS, **variables)


@pytest.mark.parametrize(
    ("windows", "limit", "awaited", "absent"),
    [
        ({}, {}, ["cp1", "w1"], []),
        # w2 could not be reached, which Ansible reports.
        ({"windows_workers": ["win1"]}, {}, ["cp1", "w1", "node-win1"], ["node-win1"]),
        # As where all control planes were reset, and the kubelets of the workers wait.
        ({"windows_workers": ["win1"]}, {"ansible_limit": "control_plane"}, ["cp1", "w1"], []),
    ],
)
def test_nodes_of_windows_have_to_be_back(
    windows: dict[str, list[str]], limit: dict[str, str], awaited: list[str], absent: list[str]
) -> None:
    groups = {"control_plane": ["cp1"], "workers": ["w1", "w2"], **windows}
    assert rendered("__etcd_aftermath_awaited", groups=groups, ansible_play_hosts=["cp1", "w1"], **limit) == awaited
    nodes = {"nodes": {"silent": ["node-win1"], "missing": ["w2"]}}
    told = {"__etcd_aftermath_nodes": nodes, "__etcd_aftermath_awaited": awaited}
    assert rendered("__etcd_aftermath_absent", **told) == absent


def test_they_are_waited_for() -> None:
    tasks = yaml.safe_load((ROLE / "tasks" / "main.yml").read_text())
    (look,) = [task["kubeops.cluster.stale_nodes"] for task in tasks if "kubeops.cluster.stale_nodes" in task]
    assert look["required"] == "{{ __etcd_aftermath_awaited }}"
    (wait,) = [task["ansible.builtin.command"]["argv"] for task in tasks if "ansible.builtin.command" in task]
    assert "'wait', '--for=condition=Ready'" in wait and wait.endswith("'node'] + __etcd_aftermath_awaited }}")
