# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import struct
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.kubeops.cluster.plugins.module_utils._etcd.model import Member
from ansible_collections.kubeops.cluster.plugins.module_utils._kubeadm import static_pod
from ansible_collections.kubeops.cluster.plugins.module_utils._verify import dns, judge, local, model
from ansible_collections.kubeops.cluster.plugins.module_utils._verify.model import (
    Api,
    Condition,
    Expected,
    Node,
    Observed,
    SeenNode,
    nodes_from_api,
)

OK = Condition(True)
CP1 = Node("cp1", "192.0.2.11", control_plane=True)
W1 = Node("w1", "192.0.2.21")
EXPECTED = Expected((CP1, W1), "v1.36.3", "192.0.2.100:8443")
HEALTHY = Observed(
    nodes={"cp1": SeenNode(OK, "v1.36.3"), "w1": SeenNode(OK, "v1.36.3")},
    pods={(component, "cp1"): OK for component in EXPECTED.components},
    apis={address: Api(OK, "v1.36.3") for address in ("192.0.2.11:6443", "192.0.2.100:8443")},
    members=(Member("1", "cp1", (), (), healthy=True),),
    dns=OK,
)


def rules(expected: Expected, observed: Observed) -> list[tuple[str, str]]:
    return [(found.rule, found.level) for found in judge.judge(expected, observed)]


def test_a_healthy_cluster_has_no_findings() -> None:
    assert rules(EXPECTED, HEALTHY) == []


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"nodes": {"cp1": SeenNode(OK, "v1.36.3")}}, [("node_missing", "error")]),
        (
            {"nodes": {"cp1": SeenNode(OK, "v1.35.6"), "w1": SeenNode(Condition(False, "x"), "v1.36.3")}},
            [("node_version", "error"), ("node_not_ready", "error")],
        ),
        ({"nodes": {**HEALTHY.nodes, "w9": SeenNode(OK, "v1.36.3")}}, [("node_unknown", "warning")]),
        (
            {"nodes": {**HEALTHY.nodes, "w1": SeenNode(OK, "v1.36.3", ("DiskPressure: x",))}},
            [("node_pressure", "warning")],
        ),
        ({"pods": {**HEALTHY.pods, ("etcd", "cp1"): Condition(False, "x")}}, [("component_not_ready", "error")]),
        (
            {"apis": {**HEALTHY.apis, "192.0.2.100:8443": Api(Condition(False, "refused"))}},
            [("api_not_ready", "error")],
        ),
        ({"apis": {**HEALTHY.apis, "192.0.2.11:6443": Api(OK, "v1.35.6")}}, [("api_version", "error")]),
        ({"members": None, "etcd_error": "x"}, [("etcd_unreachable", "error")]),
        ({"members": ()}, [("etcd_member_missing", "error")]),
        (
            {"members": (*(HEALTHY.members or ()), Member("2", "", (), ()))},
            [("etcd_member_unknown", "error")],
        ),
        (
            {"members": (Member("1", "cp1", (), (), is_learner=True, healthy=False),)},
            [("etcd_member_unhealthy", "error"), ("etcd_member_learner", "error")],
        ),
        ({"dns": Condition(False, "0 of 2")}, [("dns_not_ready", "error")]),
    ],
)
def test_findings(change: dict[str, Any], found: list[tuple[str, str]]) -> None:
    assert rules(EXPECTED, replace(HEALTHY, **change)) == found


def test_nodes_outside_the_run_are_warned_about() -> None:
    expected = replace(EXPECTED, nodes=(CP1, replace(W1, required=False)))
    observed = replace(HEALTHY, nodes={"cp1": SeenNode(OK, "v1.36.3")})
    assert rules(expected, observed) == [("node_missing", "warning")]


def test_external_etcd_and_no_dns_are_not_asked_for() -> None:
    expected = replace(EXPECTED, stacked_etcd=False, dns=False)
    assert rules(expected, replace(HEALTHY, members=None, dns=Condition(False))) == []


NO_NETWORK = Condition(
    False,
    "KubeletNotReady: container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady "
    "message:Network plugin returns error: cni plugin not initialized",
)
RUNTIME_DOWN = Condition(False, "KubeletNotReady: [container runtime is down, container runtime network not ready]")


@pytest.mark.parametrize(
    ("pod_network", "node", "dns_ready", "found", "awaits"),
    [
        pytest.param(True, NO_NETWORK, OK, [("node_not_ready", "error")], False, id="a network was asked for"),
        pytest.param(
            False, NO_NETWORK, Condition(False), [("node_not_ready", "warning"), ("dns_not_ready", "warning")], True,
            id="nobody brought it yet",
        ),
        pytest.param(False, RUNTIME_DOWN, OK, [("node_not_ready", "error")], False, id="something else is wrong"),
        pytest.param(False, OK, Condition(False), [("dns_not_ready", "error")], False, id="it is there, DNS is not"),
        pytest.param(False, OK, OK, [], False, id="all is well"),
    ],
)  # fmt: skip
def test_a_pod_network_that_others_bring(
    pod_network: bool, node: Condition, dns_ready: Condition, found: list[tuple[str, str]], awaits: bool
) -> None:
    expected = replace(EXPECTED, pod_network=pod_network)
    observed = replace(HEALTHY, nodes={**HEALTHY.nodes, "w1": SeenNode(node, "v1.36.3")}, dns=dns_ready)
    assert rules(expected, observed) == found
    assert judge.awaits_network(expected, observed) is awaits


@pytest.mark.parametrize(
    ("seen", "required", "names"),
    [
        ({"cp1": "flannel", "w1": "flannel"}, True, []),
        ({"cp1": "flannel", "w1": ""}, True, ["w1"]),
        ({"cp1": "flannel", "w1": "calico"}, True, ["w1"]),
        ({"cp1": "flannel"}, True, ["w1"]),
        ({"cp1": "flannel", "w1": ""}, False, []),
    ],
    ids=["all", "never", "in another network", "no node", "outside the run"],
)
def test_nodes_whose_pods_never_answered(seen: dict[str, str], required: bool, names: list[str]) -> None:
    nodes = {name: SeenNode(OK, verified_network=network) for name, network in seen.items()}
    expected = replace(EXPECTED, nodes=(CP1, replace(W1, required=required)))
    assert judge.unverified(expected, Observed(nodes=nodes), "flannel") == names


def test_a_node_remembers_the_network_it_was_verified_in() -> None:
    noted = {"metadata": {"name": "w1", "annotations": {"kubeops.io/verified-network": "flannel 10.244.0.0/16"}}}
    assert nodes_from_api({"items": [noted]})["w1"].verified_network == "flannel 10.244.0.0/16"


def test_the_error_lists_every_finding() -> None:
    observed = replace(HEALTHY, members=(), dns=Condition(False, "0 of 2"))
    error = judge.error(judge.judge(EXPECTED, observed), "Broken")
    assert "2 findings" in str(error)
    assert [found["rule"] for found in error.details["findings"]] == ["etcd_member_missing", "dns_not_ready"]


def test_a_pod_that_waits_says_for_what() -> None:
    waiting = {"name": "echo", "state": {"waiting": {"reason": "ErrImagePull", "message": "no such host"}}}
    pod = {"status": {"conditions": [{"type": "Ready", "status": "False"}], "containerStatuses": [waiting]}}
    assert model.pod_condition(pod) == Condition(False, "echo: ErrImagePull no such host")


@pytest.mark.parametrize(
    ("packet", "seen"),
    [
        (struct.pack("!6H", 7, 0x8180, 1, 1, 0, 0), ""),
        (struct.pack("!6H", 7, 0x8183, 1, 0, 0, 0), "NXDOMAIN"),
        (struct.pack("!6H", 7, 0x8180, 1, 0, 0, 0), "no record"),
        (struct.pack("!6H", 8, 0x8180, 1, 1, 0, 0), "an answer to another question"),
        (b"abc", "an answer of 3 bytes"),
    ],
)
def test_dns_verdict(packet: bytes, seen: str) -> None:
    assert dns.verdict(packet, 7) == seen


def test_dns_query() -> None:
    assert dns.query("a.bc.", 7) == b"\0\x07\x01\0\0\x01\0\0\0\0\0\0\x01a\x02bc\0\0\x01\0\x01"


@pytest.mark.parametrize(
    ("own", "limit", "names"),
    [("b", 10, ["c", "d", "a"]), ("b", 2, ["c", "d"]), ("d", 1, ["a"]), ("e", 1, ["a"])],
)
def test_neighbours(own: str, limit: int, names: list[str]) -> None:
    pods = [{"node": node} for node in "dcba"]
    assert [pod["node"] for pod in local.neighbours(own, pods, limit)] == names


@pytest.mark.parametrize(
    ("manifest", "url"),
    [
        ("    - --bind-address=127.0.0.1\n", "https://127.0.0.1:10257/healthz"),
        ("    - --bind-address=0.0.0.0\n    - --secure-port=1\n", "https://127.0.0.1:1/healthz"),
        ("    - --bind-address=::\n", "https://[::1]:10257/healthz"),
        ("", "https://127.0.0.1:10257/healthz"),
    ],
)
def test_health_url(manifest: str, url: str) -> None:
    assert static_pod.health_url(static_pod.parse(manifest), "10257") == url


def test_a_node_under_pressure_calls_itself_ready() -> None:
    conditions = [
        {"type": "Ready", "status": "True"},
        {"type": "DiskPressure", "status": "True", "message": "kubelet has disk pressure"},
        {"type": "MemoryPressure", "status": "False"},
    ]
    (seen,) = nodes_from_api({"items": [{"metadata": {"name": "w1"}, "status": {"conditions": conditions}}]}).values()
    assert (seen.ready.ready, seen.pressures) == (True, ("DiskPressure: kubelet has disk pressure",))
