# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.kubeops.cluster.plugins.module_utils._cni import bridge, manifest, plan
from ansible_collections.kubeops.cluster.plugins.module_utils._cni.bridge import Node, Route
from ansible_collections.kubeops.cluster.plugins.module_utils._core.errors import KubeopsError

CP1 = Node("cp1", ("192.0.2.11",), ("10.244.0.0/24",))
W1 = Node("w1", ("192.0.2.21", "2001:db8::21"), ("10.244.1.0/24", "fd00:1::/64"))
W2 = Node("w2", ("192.0.2.22",), ())


def flannel() -> list[dict[str, Any]]:
    network = json.dumps({"Network": "10.244.0.0/16", "Backend": {"Type": "vxlan"}})
    return [{"kind": "ConfigMap", "metadata": {"name": "kube-flannel-cfg"}, "data": {"net-conf.json": network}}]


def calico(*env: dict[str, str]) -> list[dict[str, Any]]:
    containers = [{"name": "calico-node", "env": [{"name": "A", "value": "b"}, *env]}]
    spec = {"template": {"spec": {"containers": containers}}}
    return [{"kind": "DaemonSet", "metadata": {"name": "calico-node"}, "spec": spec}]


@pytest.mark.parametrize(
    ("subnet", "expected"),
    [
        ("10.0.0.0/16", {"Network": "10.0.0.0/16", "Backend": {"Type": "vxlan"}}),
        (
            "10.0.0.0/16,fd00::/56",
            {"Network": "10.0.0.0/16", "Backend": {"Type": "vxlan"}, "EnableIPv6": True, "IPv6Network": "fd00::/56"},
        ),
        (
            "fd00::/56",
            {"Backend": {"Type": "vxlan"}, "EnableIPv4": False, "EnableIPv6": True, "IPv6Network": "fd00::/56"},
        ),
    ],
)
def test_flannel_gets_the_pod_subnet(subnet: str, expected: dict[str, Any]) -> None:
    adapted = manifest.adapt(flannel(), "flannel", subnet)
    assert json.loads(adapted[0]["data"]["net-conf.json"]) == expected


@pytest.mark.parametrize("env", [(), ({"name": "CALICO_IPV4POOL_CIDR", "value": "192.168.0.0/16"},)])
def test_calico_gets_the_pod_subnet_once(env: tuple[dict[str, str], ...]) -> None:
    adapted = manifest.adapt(calico(*env), "calico", "10.0.0.0/16")
    found = adapted[0]["spec"]["template"]["spec"]["containers"][0]["env"]
    assert found == [{"name": "A", "value": "b"}, {"name": "CALICO_IPV4POOL_CIDR", "value": "10.0.0.0/16"}]


@pytest.mark.parametrize(
    ("documents", "plugin", "subnet", "word"),
    [
        (flannel(), "calico", "10.0.0.0/16", "DaemonSet calico-node"),
        (calico(), "flannel", "10.0.0.0/16", "kube-flannel-cfg"),
        (calico(), "calico", "10.0.0.0/16,fd00::/56", "IPv4"),
    ],
)
def test_a_manifest_that_does_not_fit_is_an_error(documents: list[Any], plugin: str, subnet: str, word: str) -> None:
    with pytest.raises(KubeopsError, match=word):
        manifest.adapt(documents, plugin, subnet)


def test_other_manifests_come_back_as_they_are() -> None:
    assert manifest.adapt(flannel(), "manifest", "10.0.0.0/16") == flannel()


def test_routes_lead_to_other_nodes_by_the_same_family() -> None:
    assert bridge.routes("cp1", [CP1, W1, W2]) == (
        Route("10.244.1.0/24", "192.0.2.21"),
        Route("fd00:1::/64", "2001:db8::21"),
    )


def test_conflist_has_a_range_for_each_subnet() -> None:
    ipam = json.loads(bridge.conflist(W1, 1400))["plugins"][0]
    assert ipam["ipam"]["ranges"] == [[{"subnet": "10.244.1.0/24"}], [{"subnet": "fd00:1::/64"}]]
    assert "routes" not in ipam["ipam"]
    assert ipam["mtu"] == 1400
    assert "mtu" not in json.loads(bridge.conflist(CP1))["plugins"][0]


@pytest.mark.parametrize(("name", "word"), [("w9", "not among the nodes"), ("w2", "no pod subnet")])
def test_find_says_what_is_missing(name: str, word: str) -> None:
    with pytest.raises(KubeopsError, match=word):
        bridge.find(name, [CP1, W1, W2])


def test_nodes_from_the_api() -> None:
    addresses = [{"type": "Hostname", "address": "w1"}, {"type": "InternalIP", "address": "192.0.2.21"}]
    listed = {"items": [{"metadata": {"name": "w1"}, "spec": {}, "status": {"addresses": addresses}}]}
    assert bridge.from_api(listed) == [Node("w1", ("192.0.2.21",), ())]


FILES = {"/a": "1", bridge.CONFLIST: "2"}
ROUTES = (Route("10.244.1.0/24", "192.0.2.21"),)


@pytest.mark.parametrize(
    ("observed", "steps"),
    [
        (plan.Observed(FILES, ROUTES, True), []),
        (
            plan.Observed({}, (), False),
            [
                ("write", "/a"),
                ("write", bridge.CONFLIST),
                ("enable", bridge.SERVICE),
                ("replace_route", "10.244.1.0/24"),
            ],
        ),
        (plan.Observed(FILES, (Route("10.244.1.0/24", "192.0.2.99"),), True), [("replace_route", "10.244.1.0/24")]),
        (
            plan.Observed(FILES, (*ROUTES, Route("10.244.9.0/24", "192.0.2.29")), True),
            [("remove_route", "10.244.9.0/24")],
        ),
    ],
)
def test_plan(observed: plan.Observed, steps: list[tuple[str, str]]) -> None:
    assert [(step.action, step.target) for step in plan.make(FILES, ROUTES, observed).steps] == steps


def test_kernel_routes_read_back_as_planned() -> None:
    shown = [{"dst": "10.244.1.0/24", "gateway": "192.0.2.21", "dev": "eth0", "flags": []}]
    assert bridge.from_kernel(shown) == ROUTES
