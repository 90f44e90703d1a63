# SPDX-License-Identifier: GPL-3.0-or-later
"""Who has to reach whom, and what the attempts mean; tried on loopback."""

from __future__ import annotations

import errno
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from ansible_collections.kubeops.cluster.plugins.module_utils._inventory.model import Inventory
from ansible_collections.kubeops.cluster.plugins.module_utils._reachability import probe
from ansible_collections.kubeops.cluster.plugins.module_utils._reachability.targets import ETCD_RELEASES, targets

from tools import paths


def inventory(**variables: Any) -> Inventory:
    numbers = {"cp1": 11, "cp2": 12, "w1": 21, "lb1": 31}
    groups = {"control_plane": ["cp1", "cp2"], "workers": ["w1"], "load_balancers": ["lb1"]}
    common = {"kubeops_endpoint": "192.0.2.100:8443", "kubeops_cni": "bridge", **variables}
    return Inventory(groups, {host: {"ansible_host": f"192.0.2.{last}", **common} for host, last in numbers.items()})


def ports(given: Inventory, host: str) -> dict[str, list[int]]:
    return {peer["host"]: [port["port"] for port in peer["ports"]] for peer in targets(given, host)["peers"]}


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("cp1", {"cp2": [6443, 2379, 2380, 10250], "w1": [10250]}),
        ("w1", {"cp1": [6443], "cp2": [6443]}),
        ("lb1", {"cp1": [6443], "cp2": [6443]}),
    ],
)
def test_ports(host: str, expected: dict[str, list[int]]) -> None:
    assert ports(inventory(), host) == expected


@pytest.mark.parametrize(
    ("plugin", "expected"),
    [
        ("flannel", [(8472, "udp")]),
        ("calico", [(179, "tcp")]),
        ("cilium", [(8472, "udp"), (4240, "tcp")]),
        ("none", []),
    ],
)
def test_ports_of_the_pod_network(plugin: str, expected: list[tuple[int, str]]) -> None:
    given = inventory(kubeops_cni=plugin)
    groups = {**given.groups, "workers": ["w1", "w2"]}
    peers = targets(Inventory(groups, {**given.variables, "w2": {"ansible_host": "192.0.2.22"}}), "w1")["peers"]
    found = {peer["host"]: [(port["port"], port["protocol"]) for port in peer["ports"]] for peer in peers}
    assert found == {
        "cp1": [(6443, "tcp"), *expected],
        "cp2": [(6443, "tcp"), *expected],
        **({"w2": expected} if expected else {}),
    }


@pytest.mark.parametrize(
    ("balancers", "expected"),
    [
        (["lb1"], {"cp1": [6443], "cp2": [6443], "lb1": [8443]}),
        ([], {"cp1": [6443, 8443], "cp2": [6443, 8443]}),
    ],
)
def test_ports_of_the_load_balancers(balancers: list[str], expected: dict[str, list[int]]) -> None:
    given = inventory(kubeops_vip="192.0.2.100")
    groups = {**given.groups, "load_balancers": balancers}
    assert ports(Inventory(groups, given.variables), "w1") == expected


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"kubeops_vip": "192.0.2.100"}, 8405),
        ({"kubeops_vip": "192.0.2.100", "load_balancer_monitor_port": 9405}, 9405),
        ({}, None),
        ({"kubeops_vip": "192.0.2.100", "kubeops_load_balancer": "external"}, None),
    ],
)
def test_load_balancers_ask_each_other(variables: dict[str, Any], expected: int | None) -> None:
    given = inventory(**variables)
    groups = {**given.groups, "load_balancers": ["lb1", "lb2"]}
    hosts = {**given.variables, "lb2": {**given.variables["lb1"], "ansible_host": "192.0.2.32"}}
    assert ports(Inventory(groups, hosts), "lb1").get("lb2") == ([expected] if expected else None)
    assert expected not in ports(Inventory(groups, hosts), "cp1").get("lb2", [])


def test_external_etcd_is_a_source_of_control_planes() -> None:
    given = inventory(kubeops_external_etcd={"endpoints": ["https://192.0.2.41:2379"]}, kubeops_api_port=7443)
    assert ports(given, "cp1") == {"cp2": [7443, 10250], "w1": [10250]}
    assert targets(given, "cp1")["sources"][0] == "https://192.0.2.41:2379"
    assert "https://192.0.2.41:2379" not in targets(given, "w1")["sources"]


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("cp1", {"cp2": [6443, 10250], "w1": [10250], "e1": [2379], "e2": [2379]}),
        ("w1", {"cp1": [6443], "cp2": [6443]}),
        ("e1", {"e2": [2379, 2380]}),
    ],
)
def test_ports_with_etcd_on_hosts_of_its_own(host: str, expected: dict[str, list[int]]) -> None:
    given = inventory(kubeops_endpoint="api.example.com:8443")
    with_etcd = Inventory(
        {**given.groups, "etcd": ["e1", "e2"]},
        {**given.variables, "e1": {"ansible_host": "192.0.2.41"}, "e2": {"ansible_host": "192.0.2.42"}},
    )
    assert ports(with_etcd, host) == expected
    assert targets(with_etcd, host)["names"] == ([] if host == "e1" else ["api.example.com"])


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        ({}, ["https://github.com"]),
        ({"etcd_download_url": "https://user:secret@mirror.example:8443/etcd"}, ["https://mirror.example:8443"]),
        ({"kubeops_https_proxy": "http://proxy.example:3128"}, ["http://proxy.example:3128"]),
        ({"kubeops_package_source": "bundle"}, []),
        ({"kubeops_package_source": "bundle", "etcd_source": "repository"}, ["https://github.com"]),
        ({"etcd_source": "bundle"}, []),
        ({"etcd_source": "bundle", "kubeops_https_proxy": "http://proxy.example:3128"}, []),
    ],
)
def test_hosts_of_etcd_reach_its_releases(own: dict[str, str], expected: list[str]) -> None:
    given = inventory(**{name: value for name, value in own.items() if name == "kubeops_package_source"})
    with_etcd = Inventory({**given.groups, "etcd": ["e1"]}, {**given.variables, "e1": own})
    assert targets(with_etcd, "e1")["sources"] == expected
    assert "https://github.com" not in targets(with_etcd, "cp1")["sources"]
    defaults = yaml.safe_load((paths.ROOT / "roles" / "etcd" / "defaults" / "main.yml").read_text())
    assert defaults["etcd_download_url"] == ETCD_RELEASES


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, ["https://pkgs.k8s.io", "registry.k8s.io"]),
        (
            {"kubeops_image_repository": "registry.example.com:5000/k8s"},
            ["https://pkgs.k8s.io", "registry.example.com:5000"],
        ),
        (
            {"kubeops_registry_mirrors": {"registry.k8s.io": ["https://mirror.example/k8s", "https://other.example"]}},
            ["https://pkgs.k8s.io", "https://mirror.example"],
        ),
        (
            {"container_runtime_repository": {"url": "https://download.docker.com/linux/debian", "key": "x"}},
            ["https://pkgs.k8s.io", "https://download.docker.com", "registry.k8s.io"],
        ),
        ({"container_runtime_repository": {}}, ["https://pkgs.k8s.io", "registry.k8s.io"]),
        ({"kubeops_https_proxy": "http://user:secret@proxy:3128"}, ["http://proxy:3128"]),
        ({"kubeops_package_source": "bundle"}, []),
    ],
)
def test_sources(variables: dict[str, Any], expected: list[str]) -> None:
    assert targets(inventory(**variables), "w1")["sources"] == expected
    assert targets(inventory(**variables), "lb1")["sources"] == []


def test_names() -> None:
    assert targets(inventory(), "w1")["names"] == []
    assert targets(inventory(kubeops_endpoint="api.example.com:8443"), "w1")["names"] == ["api.example.com"]


@pytest.fixture
def listener() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def closed() -> int:
    with socket.socket() as once:
        once.bind(("127.0.0.1", 0))
        port: int = once.getsockname()[1]
        return port


def test_open_and_refused(listener: int, closed: int) -> None:
    wanted = [{"port": listener}, {"port": closed, "protocol": "tcp"}, {"port": closed, "protocol": "udp"}]
    peers = [{"host": "cp1", "address": "127.0.0.1", "ports": wanted}]
    found = probe.probe_reachability(
        peers, ["localhost", "no-such-name.invalid"], [f"http://127.0.0.1:{listener}"], 2.0
    )
    assert [entry["result"] for entry in found["peers"]] == ["open", "refused", "refused"]
    assert found["names"][0]["addresses"]
    assert found["names"][1]["addresses"] == []
    assert found["sources"][0]["result"] == "open"


def test_silence_over_udp_is_unknown() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        assert probe.try_udp("127.0.0.1", server.getsockname()[1], 0.1)[0] == "unknown"


def test_a_full_backlog_is_filtered_and_all_wait_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as server:
        port = server.getsockname()[1]
        waiting = []
        for __ in range(4):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
            waiting.append(filler)
        peers = [{"host": f"h{number}", "address": "127.0.0.1", "ports": [{"port": port}]} for number in range(20)]
        started = time.monotonic()
        found = probe.probe_reachability(peers, [], [], 0.5)
        assert {entry["result"] for entry in found["peers"]} == {"filtered"}
        assert time.monotonic() - started < 5
        for filler in waiting:
            filler.close()


@pytest.mark.parametrize(
    ("number", "meaning"),
    [
        (errno.ECONNREFUSED, "refused"),
        (errno.ECONNRESET, "refused"),
        (errno.EHOSTUNREACH, "unreachable"),
        (errno.ETIMEDOUT, "filtered"),
    ],
)
def test_meaning(number: int, meaning: str) -> None:
    assert probe.RESULTS[number] == meaning
