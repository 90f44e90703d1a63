# SPDX-License-Identifier: GPL-3.0-or-later
"""The skew policy's own examples, with 1.36 for its current minor."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from ansible_collections.kubeops.cluster.plugins.module_utils._version import judge, skew
from ansible_collections.kubeops.cluster.plugins.module_utils._version.model import observation_from_mapping


def statuses(*nodes: dict[str, Any], **rest: Any) -> dict[str, str]:
    """Rules that are not ok, with their status."""
    observed = observation_from_mapping({"nodes": nodes, **rest})
    return {verdict.rule: verdict.status for verdict in skew.verdicts(observed) if verdict.status != "ok"}


def server(name: str, version: str, **components: str) -> dict[str, Any]:
    named = {f"kube-{key.replace('_', '-')}": value for key, value in components.items()}
    return {"name": name, "control_plane": True, "components": {"kube-apiserver": version, **named}}


def node(**components: str) -> dict[str, Any]:
    named = {key.replace("_", "-"): value for key, value in components.items()}
    return {"name": "w1", "components": named}


@pytest.mark.parametrize(
    ("versions", "expected"),
    [
        (["1.36.0"], {}),
        (["1.36.3", "1.35.6"], {}),
        (["1.36.3", "1.36.0", "1.35.6"], {}),
        (["1.36.3", "1.34.9"], {"skew.apiserver": "error"}),
    ],
)
def test_api_servers(versions: list[str], expected: dict[str, str]) -> None:
    assert statuses(*(server(f"cp{number}", version) for number, version in enumerate(versions))) == expected


def test_what_is_newer_than_its_api_server_names_the_rule_that_lets_the_upgrade_past() -> None:
    manager = server("cp1", "1.35.6", controller_manager="1.36.0")
    observed = observation_from_mapping({"nodes": [manager, node(kubelet="1.36.0", kube_proxy="1.36.0")]})
    for verdict in skew.verdicts(observed):
        for finding in verdict.findings:
            assert f"plan_upgrade_skip: {{{verdict.rule}: reason}}" in finding.fix
            assert finding.fix.startswith("put ") and " 1.35.6 back, or" in finding.fix
    assert len([one for one in skew.verdicts(observed) if one.findings]) == 3


@pytest.mark.parametrize("component", ["kubelet", "kube_proxy"])
@pytest.mark.parametrize(
    ("servers", "version", "good"),
    [
        (["1.36.0"], "1.36.0", True),
        (["1.36.0"], "1.35.0", True),
        (["1.36.0"], "1.34.0", True),
        (["1.36.0"], "1.33.0", True),
        (["1.36.0"], "1.32.0", False),
        (["1.36.0"], "1.37.0", False),
        (["1.36.0"], "1.36.3", True),
        (["1.36.0", "1.35.0"], "1.36.0", False),
        (["1.36.0", "1.35.0"], "1.35.0", True),
        (["1.36.0", "1.35.0"], "1.33.0", True),
        (["1.36.0", "1.35.0"], "1.32.0", False),
        (["1.27.0"], "1.24.0", False),
        (["1.26.0"], "1.24.0", True),
        (["1.28.0"], "1.25.0", True),
    ],
)
def test_node_components(component: str, servers: list[str], version: str, good: bool) -> None:
    control_planes = [server(f"cp{number}", each) for number, each in enumerate(servers)]
    expected = {} if good else {f"skew.{component}": "error"}
    assert statuses(*control_planes, node(**{component: version})) == expected


def test_kube_proxy_beside_its_kubelet() -> None:
    assert statuses(node(kubelet="1.32.0", kube_proxy="1.36.0")) == {"skew.kube_proxy": "error"}
    assert statuses(node(kubelet="1.33.0", kube_proxy="1.36.0")) == {}


@pytest.mark.parametrize("component", ["controller_manager", "scheduler"])
@pytest.mark.parametrize(
    ("servers", "version", "good"),
    [
        (["1.36.0"], "1.36.0", True),
        (["1.36.0"], "1.35.0", True),
        (["1.36.0"], "1.34.0", False),
        (["1.36.0"], "1.37.0", False),
        (["1.36.0", "1.35.0"], "1.35.0", True),
        (["1.36.0", "1.35.0"], "1.36.0", False),
    ],
)
def test_clients_behind_a_load_balancer(component: str, servers: list[str], version: str, good: bool) -> None:
    nodes = [server(f"cp{number}", each) for number, each in enumerate(servers)]
    nodes[0]["components"][f"kube-{component.replace('_', '-')}"] = version
    assert statuses(*nodes) == ({} if good else {f"skew.{component}": "error"})


def test_a_client_of_its_own_api_server_is_judged_by_that_one() -> None:
    first = {**server("cp1", "1.36.0", scheduler="1.36.0"), "local": ["kube-scheduler"]}
    assert statuses(first, server("cp2", "1.35.0")) == {}


@pytest.mark.parametrize(
    ("servers", "version", "good"),
    [
        (["1.36.0"], "1.37.0", True),
        (["1.36.0"], "1.35.0", True),
        (["1.36.0"], "1.34.0", False),
        (["1.36.0", "1.35.0"], "1.36.0", True),
        (["1.36.0", "1.35.0"], "1.35.0", True),
        (["1.36.0", "1.35.0"], "1.37.0", False),
    ],
)
def test_kubectl(servers: list[str], version: str, good: bool) -> None:
    nodes = [server(f"cp{number}", each) for number, each in enumerate(servers)]
    assert statuses(*nodes, clients={"controller": version}) == ({} if good else {"skew.kubectl": "warning"})


@pytest.mark.parametrize(
    ("version", "target", "said"),
    [
        ("1.34.9", "1.36.3", ["use kubectl 1.36 from the last hop on"]),
        ("1.35.6", "1.36.3", []),
        ("1.34.9", "1.35.6", []),
        ("1.34.9", "", []),
        ("1.32.0", "1.36.3", ["use kubectl 1.34", "use kubectl 1.36 from the last hop on"]),
        ("1.32.0", "1.34.11", ["use kubectl 1.34"]),
    ],
)
def test_kubectl_on_the_controller_after_the_road(version: str, target: str, said: list[str]) -> None:
    observed = {"nodes": [server("cp1", "1.34.9")], "clients": {"controller": version}}
    found = judge.judge_mapping(observed, {"target": target}, date(2026, 11, 21))
    (verdict,) = [one for one in found.verdicts if one.rule == "skew.kubectl"]
    assert [finding.fix for finding in verdict.findings] == said
    assert verdict.status == ("warning" if said else "ok")


@pytest.mark.parametrize(
    ("version", "good"), [("1.36.0", True), ("1.37.0", True), ("1.38.0", False), ("1.35.0", False)]
)
def test_kubeadm(version: str, good: bool) -> None:
    control_plane = server("cp1", "1.36.0")
    control_plane["components"]["kubeadm"] = version
    assert statuses(control_plane) == ({} if good else {"skew.kubeadm": "warning"})


def test_the_same_on_many_nodes_is_one_finding_with_the_way_out() -> None:
    nodes = [{"name": f"w{number}", "components": {"kubelet": "1.32.1"}} for number in range(3)]
    observed = observation_from_mapping({"nodes": [server("cp1", "1.36.3"), *nodes]})
    (finding,) = next(each for each in skew.verdicts(observed) if each.rule == "skew.kubelet").findings
    assert finding.hosts == ("w0", "w1", "w2")
    assert "4 minors older" in finding.message
    assert "upgrade to 1.36.3 first" in finding.fix


def test_no_version_names_the_node_and_the_component() -> None:
    with pytest.raises(ValueError, match="kubelet of w1: 'latest' is not a version"):
        observation_from_mapping({"nodes": [node(kubelet="latest")]})
