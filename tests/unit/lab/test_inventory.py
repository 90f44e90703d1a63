# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.lab.cgroups import Layout
from tests.lab.host import Host, has_capability
from tests.lab.inventory import node_kind_variables, render
from tests.lab.model import Lab
from tests.lab.paths import Paths

V1, V2 = Layout(1, ()), Layout(2, ())
PATHS = Paths(Path("/state"), Path("/cache"), Path("/bundle"))
LAB = Lab("a", IPv4Network("10.64.7.0/24")).with_nodes({"cp1": ("control_plane",), "w1": ("workers",)})


def rendered(lab: Lab, bundle_on_node: str | None = None) -> Any:
    return yaml.safe_load(render(PATHS, lab, Host(V2, True), bundle_on_node))["all"]


def test_hosts_and_groups() -> None:
    document = rendered(LAB)
    assert document["hosts"] == {"cp1": {"ansible_host": "10.64.7.11"}, "w1": {"ansible_host": "10.64.7.12"}}
    assert document["children"] == {"control_plane": {"hosts": {"cp1": {}}}, "workers": {"hosts": {"w1": {}}}}


def test_host_keys_are_checked_against_the_labs_own_file() -> None:
    arguments = rendered(LAB)["vars"]["ansible_ssh_common_args"]
    assert "StrictHostKeyChecking=yes" in arguments
    assert "UserKnownHostsFile=/state/a/known_hosts" in arguments


def test_endpoint_only_with_several_control_planes() -> None:
    assert "kubeops_endpoint" not in rendered(LAB)["vars"]
    variables = rendered(LAB.with_nodes({"cp2": ("control_plane",)}))["vars"]
    assert variables["kubeops_vip"] == "10.64.7.100"
    assert variables["kubeops_endpoint"] == "10.64.7.100:8443"


def test_bundle_only_where_nodes_see_it() -> None:
    assert "kubeops_bundle" not in rendered(LAB)["vars"]
    variables = rendered(LAB, "/var/lib/kubeops/bundle")["vars"]
    assert variables["kubeops_bundle"] == "/bundle"
    assert variables["kubeops_bundle_on_node"] == "/var/lib/kubeops/bundle"


@pytest.mark.parametrize(
    ("host", "names"),
    [
        (Host(V2, True), set()),
        (Host(V1, True), {"kubeops_cgroup_driver"}),
        (Host(V2, False), {"container_runtime_config_overrides"}),
    ],
)
def test_variables_follow_the_host(host: Host, names: set[str]) -> None:
    always = {"kubeops_ignore_preflight", "kubeops_kube_proxy_config", "kubeops_kubelet_config"}
    variables = node_kind_variables(host)
    assert set(variables) == always | names
    assert "evictionHard" in variables["kubeops_kubelet_config"]
    assert variables["kubeops_kubelet_config"].get("failCgroupV1") is (False if host.layout == V1 else None)


@pytest.mark.parametrize(("effective", "has"), [("000001ffffffffff", True), ("000001fffeffffff", False)])
def test_has_capability(effective: str, has: bool) -> None:
    assert has_capability(f"CapPrm:\t0\nCapEff:\t{effective}\n", 24) is has
