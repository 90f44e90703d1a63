# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules about nodes: sound ones give nothing, and each fault is found on the right host."""

from __future__ import annotations

import copy
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from ansible_collections.kubeops.cluster.plugins.module_utils._inventory.model import Inventory, Surroundings
from ansible_collections.kubeops.cluster.plugins.module_utils._node import rules
from ansible_collections.kubeops.cluster.plugins.module_utils._node.model import Observed, Thresholds

NUMBERS = {"cp1": 11, "cp2": 12, "cp3": 13, "w1": 21}
ETCD = {"e1": 31, "e2": 32, "e3": 33}
BALANCERS = {"lb1": 41, "lb2": 42}
LIMITS = Thresholds(disk_free_mib={"/var/lib/etcd": 2048, "/var/lib/kubelet": 1024}, tested_os=["debian 12"])
MANIFEST = {"files": [{"kind": "binary", "name": "kubelet", "version": "v1.36.3", "arch": "amd64"}]}


def facts(host: str) -> dict[str, Any]:
    """A bare node with nothing wrong."""
    number = {**NUMBERS, **ETCD, **BALANCERS}[host]
    address = {"interface": "eth0", "address": f"192.0.2.{number}", "prefix": 24, "mac": f"02:00:00:00:00:{number}"}
    return {
        "hostname": host,
        "machine_id": f"m-{host}",
        "product_uuid": f"u-{host}",
        "container": None,
        "arch": "amd64",
        "os": {"id": "debian", "version_id": "12", "pretty_name": "Debian 12"},
        "kernel": "6.1.0-28-amd64",
        "cpu_count": 2,
        "memory_mib": 1900,
        "time": {"unix": 1000.0, "synchronized": True, "service": "chrony", "offset": [-0.3, 0.2]},
        "cgroup": {"version": 2},
        "swap": {"active": [], "fstab": []},
        "addresses": [address],
        "listening": [{"port": 22, "protocol": "tcp", "address": "0.0.0.0", "process": "sshd"}],
        "disk": {"/var/lib/etcd": {"free_mib": 9000}, "/var/lib/kubelet": {"free_mib": 9000}},
        "runtime": {"name": "containerd", "version": "2.1.4"},
        "kubernetes": {"state": "absent", "role": "none", "server": "", "evidence": [], "components": {}},
        "notes": {},
    }


def play(*, etcd: bool = False, balancers: bool = False, **variables: Any) -> dict[str, Any]:
    """What Observed takes, to be spoilt; with etcd and load balancers on hosts of their own where asked."""
    numbers = {**NUMBERS, **(ETCD if etcd else {}), **(BALANCERS if balancers else {})}
    groups = {
        "control_plane": ["cp1", "cp2", "cp3"],
        "workers": ["w1"],
        "etcd": list(ETCD) if etcd else [],
        "load_balancers": list(BALANCERS) if balancers else [],
    }
    common = {
        "kubeops_version": "1.36.3",
        "kubeops_vip": "192.0.2.100",
        "kubeops_endpoint": "192.0.2.100:8443",
        **variables,
    }
    hosts = {host: {**common, "kubeops_node_ip": f"192.0.2.{number}"} for host, number in numbers.items()}
    return {
        "inventory": Inventory(groups, hosts),
        "around": Surroundings(date(2026, 9, 1)),
        "facts": {host: facts(host) for host in numbers},
    }


def found(given: dict[str, Any]) -> set[tuple[str, str, str]]:
    """(rule, level, host) of every finding."""
    findings = rules.check(Observed(**given), LIMITS)
    return {(finding.rule, finding.level, host) for finding in findings for host in finding.hosts or ("",)}


def complete(given: dict[str, Any], server: str = "https://192.0.2.100:8443", version: str = "1.36.3") -> None:
    """Make all nodes members of a running cluster."""
    for host, node in given["facts"].items():
        control_plane = host.startswith("cp")
        node["kubernetes"].update(state="complete", role="control_plane" if control_plane else "worker", server=server)
        if control_plane:
            node["kubernetes"]["components"] = {"kube-apiserver": {"version": version}}
            node["listening"].append({"port": 6443, "protocol": "tcp", "address": "::", "process": "kube-apiserver"})


def test_sound_nodes() -> None:
    assert found(play()) == set()


def test_sound_cluster() -> None:
    given = play()
    complete(given)
    assert found(given) == set()


def set_on(host: str, path: str, value: Any) -> Callable[[dict[str, Any]], None]:
    """Set one fact, by a dotted path."""

    def change(given: dict[str, Any]) -> None:
        *sections, last = path.split(".")
        target = given["facts"][host]
        for name in sections:
            target = target[name]
        target[last] = value

    return change


def listens(host: str, port: int, process: str | None) -> Callable[[dict[str, Any]], None]:
    entry = {"port": port, "protocol": "tcp", "address": "0.0.0.0", "process": process}
    return lambda given: given["facts"][host]["listening"].append(entry)


SPOILT: list[tuple[Callable[[dict[str, Any]], None], tuple[str, str, str]]] = [
    (set_on("cp1", "cpu_count", 1), ("node.cpus", "error", "cp1")),
    (set_on("cp1", "memory_mib", 1699), ("node.memory", "error", "cp1")),
    (set_on("w1", "memory_mib", 512), ("node.memory", "error", "w1")),
    (set_on("w1", "kernel", "4.18.0-553.el8"), ("node.kernel", "error", "w1")),
    (set_on("w1", "cgroup", {"version": 1}), ("node.cgroup", "error", "w1")),
    (set_on("w1", "swap", {"active": ["/dev/sda2"], "fstab": []}), ("node.swap", "warning", "w1")),
    (set_on("w1", "swap", {"active": [], "fstab": ["/swap.img"]}), ("node.swap", "warning", "w1")),
    (set_on("w1", "addresses", [{"address": "10.0.0.5", "prefix": 24, "mac": "x"}]), ("node.address", "error", "w1")),
    (listens("cp1", 6443, "nginx"), ("node.port_taken", "error", "cp1")),
    (listens("cp2", 2379, "etcd"), ("node.port_taken", "error", "cp2")),
    (listens("cp3", 8443, None), ("node.port_taken", "error", "cp3")),
    (listens("cp3", 8405, "nginx"), ("node.port_taken", "error", "cp3")),
    (listens("w1", 10250, "kubelet"), ("node.port_taken", "error", "w1")),
    (set_on("cp1", "disk", {"/var/lib/etcd": {"free_mib": 2047}}), ("node.disk", "error", "cp1")),
    (
        set_on("w1", "disk", {"/var/lib/containerd": {"free_mib": 14999, "total_mib": 100000}}),
        ("node.disk_pressure", "error", "w1"),
    ),
    (set_on("w1", "time.synchronized", False), ("node.clock", "warning", "w1")),
    (set_on("w1", "os.version_id", "11"), ("node.os", "warning", "w1")),
    (set_on("w1", "runtime.version", "1.7.28"), ("node.containerd", "warning", "w1")),
    (set_on("w1", "kubernetes.state", "partial"), ("node.partial", "error", "w1")),
    (set_on("w1", "notes", {"disk": "PermissionError"}), ("nodes.unread", "warning", "w1")),
]


@pytest.mark.parametrize(("spoil", "expected"), SPOILT)
def test_one_fault_gives_one_finding(spoil: Callable[[dict[str, Any]], None], expected: tuple[str, str, str]) -> None:
    given = play()
    spoil(given)
    assert found(given) == {expected}


@pytest.mark.parametrize(
    "spoil",
    [
        listens("w1", 6443, "nginx"),
        listens("w1", 2379, "etcd"),
        listens("cp1", 80, "nginx"),
        listens("cp1", 8443, "haproxy"),
    ],
)
def test_ports_of_others_are_free_to_take(spoil: Callable[[dict[str, Any]], None]) -> None:
    given = play()
    spoil(given)
    assert found(given) == set()


def test_a_missing_section_is_no_fault() -> None:
    given = play()
    for name in (
        "cgroup",
        "swap",
        "addresses",
        "listening",
        "disk",
        "time",
        "os",
        "runtime",
        "kubernetes",
        "cpu_count",
    ):
        given["facts"]["cp1"][name] = None
    assert found(given) == set()


@pytest.mark.parametrize(
    ("version", "overlay", "level"),
    [("1.34.9", {}, "warning"), ("1.35.6", {}, "error"), ("1.35.6", {"failCgroupV1": False}, "warning")],
)
def test_cgroup_v1_by_minor_and_setting(version: str, overlay: dict[str, Any], level: str) -> None:
    given = play(kubeops_version=version, kubeops_kubelet_config=overlay)
    given["facts"]["w1"]["cgroup"] = {"version": 1}
    assert found(given) == {("node.cgroup", level, "w1")}


def test_containerd_1_is_refused_once_the_kubelet_does() -> None:
    given = play(kubeops_version="1.38.0")
    given["facts"]["w1"]["runtime"]["version"] = "1.7.28"
    assert found(given) == {("node.containerd", "error", "w1")}


def test_tolerated_swap() -> None:
    given = play(kubeops_swap="tolerate")
    given["facts"]["w1"]["swap"] = {"active": ["/dev/sda2"], "fstab": ["/dev/sda2"]}
    assert found(given) == set()


@pytest.mark.parametrize(
    ("fact", "rule"),
    [
        ("hostname", "nodes.hostname"),
        ("machine_id", "nodes.machine_id"),
        ("product_uuid", "nodes.product_uuid"),
    ],
)
def test_clones(fact: str, rule: str) -> None:
    given = play()
    given["facts"]["w1"][fact] = given["facts"]["cp2"][fact]
    assert found(given) == {(rule, "error", "cp2"), (rule, "error", "w1")}


def test_cloned_mac() -> None:
    given = play()
    given["facts"]["w1"]["addresses"][0]["mac"] = given["facts"]["cp1"]["addresses"][0]["mac"]
    assert found(given) == {("nodes.mac", "error", "cp1"), ("nodes.mac", "error", "w1")}


def test_system_containers_share_their_machines_uuid() -> None:
    given = play()
    for node in given["facts"].values():
        node.update(product_uuid="same", container="systemd-nspawn")
    assert found(given) == set()


@pytest.mark.parametrize(
    ("offset", "apart"),
    [([1.0, 2.1], False), ([2.1, 30.0], False), ([2.5, 3.0], True), ([-9.0, -8.0], True), (None, False)],
)
def test_clocks_apart_only_where_the_journey_cannot_explain_it(offset: list[float] | None, apart: bool) -> None:
    given = play()
    given["facts"]["w1"]["time"]["offset"] = offset
    assert (("nodes.time_offset", "error", "w1") in found(given)) is apart


def test_vip_and_pods_outside_and_inside_the_nodes_network() -> None:
    given = play(kubeops_vip="198.51.100.1", kubeops_pod_subnet="192.0.0.0/16")
    rules_found = {rule for rule, _level, _host in found(given)}
    assert rules_found == {"node.vip_network", "node.network_overlap"}


def test_architecture_not_in_the_bundle() -> None:
    given = play()
    given["around"] = Surroundings(date(2026, 9, 1), MANIFEST)
    given["facts"]["w1"]["arch"] = "arm64"
    assert found(given) == {("node.architecture", "error", "w1")}


@pytest.mark.parametrize(("policy", "level"), [("fail", "error"), ("resume", "warning"), ("reset", "warning")])
def test_partial_by_policy(policy: str, level: str) -> None:
    given = play(kubeops_on_partial=policy)
    given["facts"]["w1"]["kubernetes"].update(state="partial", evidence=["kubelet.conf without a node"])
    assert found(given) == {("node.partial", level, "w1")}


@pytest.mark.parametrize(
    ("markers", "level"),
    [
        ({"unfinished": "init"}, "warning"),
        ({"unfinished": "init", "etcd_data": True}, "error"),
        ({"unfinished": "join"}, "warning"),
        ({"unfinished": "join", "kubelet_conf": True}, "error"),
        ({"unfinished": "join", "etcd_data": True}, "error"),
        ({"unfinished": "reset"}, "error"),
        ({}, "error"),
    ],
)
def test_a_partial_node_with_nothing_to_lose_goes_on(markers: dict[str, Any], level: str) -> None:
    given = play()
    given["facts"]["w1"]["kubernetes"].update(state="partial", evidence=["it stopped"], markers=markers)
    assert found(given) == {("node.partial", level, "w1")}


def test_own_eviction_thresholds_are_not_second_guessed() -> None:
    given = play(kubeops_kubelet_config={"evictionHard": {"imagefs.available": "1%"}})
    given["facts"]["w1"]["disk"] = {"/var/lib/containerd": {"free_mib": 14999, "total_mib": 100000}}
    assert found(given) == set()


@pytest.mark.parametrize("policy", ["fail", "resume", "reset"])
def test_kubeadm_still_runs(policy: str) -> None:
    given = play(kubeops_on_partial=policy)
    given["facts"]["w1"]["kubernetes"].update(state="partial", markers={"running": True})
    assert found(given) == {("node.busy", "error", "w1")}


def test_another_cluster() -> None:
    given = play()
    complete(given, server="https://203.0.113.9:6443")
    assert {rule for rule, _level, _host in found(given)} == {"node.other_cluster"}


def test_a_control_planes_kubelet_may_use_its_own_api_server() -> None:
    given = play()
    complete(given)
    given["facts"]["cp1"]["kubernetes"]["server"] = "https://192.0.2.11:6443"
    given["facts"]["w1"]["kubernetes"]["server"] = "https://192.0.2.21:6443"
    assert found(given) == {("node.other_cluster", "error", "w1")}


@pytest.mark.parametrize(("authority", "expected"), [("same", set()), ("other", {"nodes.two_clusters"}), ("", set())])
def test_authorities_of_two_clusters(authority: str, expected: set[str]) -> None:
    given = play()
    complete(given)
    for host, node in given["facts"].items():
        node["kubernetes"]["cluster_ca"] = authority if host == "cp3" else "same"
    assert {rule for rule, _level, _host in found(given)} == expected


def test_another_role() -> None:
    given = play()
    complete(given)
    given["facts"]["w1"]["kubernetes"]["role"] = "control_plane"
    assert found(given) == {("node.role", "error", "w1")}


MADE_WITH = {
    "etcd": "on the control planes",
    "service_subnet": "10.96.0.0/12",
    "pod_subnet": "10.244.0.0/16",
    "dns_domain": "cluster.local",
    "encryption": "",
}


@pytest.mark.parametrize(
    ("variables", "live", "refused"),
    [
        pytest.param({}, {}, False, id="as it was made"),
        pytest.param({"kubeops_service_subnet": "10.32.0.0/16"}, {}, True, id="another service subnet"),
        pytest.param({"kubeops_external_etcd": {"endpoints": ["https://e1:2379"]}}, {}, True, id="another etcd"),
        pytest.param({}, {"encryption": "/e.json"}, True, id="encryption would end"),
        pytest.param({"kubeops_encryption_at_rest": "true"}, {"encryption": "/e.json"}, False, id="encryption stays"),
        pytest.param(
            {"kubeops_api_server_extra_args": {"encryption-provider-config": "/e.json"}}, {"encryption": "/e.json"},
            False, id="encryption of one's own",
        ),
        pytest.param(
            {"kubeops_kubeadm_extra": {"ClusterConfiguration": {"networking": {"podSubnet": "10.9.0.0/16"}}}},
            {"pod_subnet": "10.9.0.0/16"}, False, id="an overlay goes before",
        ),
    ],
)  # fmt: skip
def test_what_a_cluster_was_made_with(variables: dict[str, Any], live: dict[str, str], refused: bool) -> None:
    given = play(**variables)
    complete(given)
    given["facts"]["cp1"]["kubernetes"]["made_with"] = {**MADE_WITH, **live}
    assert found(given) == ({("node.made_with", "error", "cp1")} if refused else set())


def test_a_group_etcd_is_another_etcd_too() -> None:
    given = play(etcd=True)
    complete(given)
    given["facts"]["cp1"]["kubernetes"]["made_with"] = MADE_WITH
    assert ("node.made_with", "error", "cp1") in found(given)


def test_another_version_is_an_upgrade() -> None:
    given = play()
    complete(given, version="1.35.6")
    assert found(given) == {("node.version", "error", host) for host in ("cp1", "cp2", "cp3")}


@pytest.mark.parametrize(
    ("kubelet", "expected"),
    [
        ("1.35.6", {("node.version", "error", "w1")}),
        ("1.36.3", set()),
        (None, set()),
    ],
)
def test_a_workers_kubelet_tells_its_version(kubelet: str | None, expected: set[tuple[str, str, str]]) -> None:
    given = play()
    complete(given)
    given["facts"]["w1"]["binaries"] = {"kubelet": {"path": "/usr/bin/kubelet", "version": kubelet}}
    assert found(given) == expected


def test_a_kubelet_on_a_bare_worker_is_no_members_yet() -> None:
    given = play()
    given["facts"]["w1"]["binaries"] = {"kubelet": {"path": "/usr/bin/kubelet", "version": "1.35.6"}}
    assert found(given) == set()


def test_little_space_on_a_live_node_is_a_warning() -> None:
    given = play()
    complete(given)
    given["facts"]["cp1"]["disk"]["/var/lib/etcd"]["free_mib"] = 10
    assert found(given) == {("node.disk", "warning", "cp1")}


def test_unreachable_by_what_is_at_stake() -> None:
    given = play()
    for name in ("cp2", "w1"):
        bare = copy.deepcopy(given)
        del bare["facts"][name]
        bare["unreachable"] = (name,)
        assert found(bare) == {("hosts.unreachable", "error" if name == "cp2" else "warning", name)}
    complete(given)
    del given["facts"]["cp2"]
    given["unreachable"] = ("cp2",)
    assert found(given) == {("hosts.unreachable", "warning", "cp2")}


def test_paths_names_and_sources() -> None:
    given = play(kubeops_endpoint="api.example.com:8443")
    peer = {"host": "cp1", "address": "192.0.2.11", "protocol": "tcp"}
    given["reachability"] = {
        "w1": {
            "peers": [
                {**peer, "port": 6443, "result": "refused"},
                {**peer, "port": 2379, "result": "filtered"},
                {**peer, "port": 2380, "result": "unreachable"},
            ],
            "names": [{"name": "api.example.com", "addresses": []}],
            "sources": [{"source": "https://pkgs.k8s.io", "result": "filtered"}],
        },
        "cp1": {
            "peers": [],
            "names": [{"name": "api.example.com", "addresses": ["192.0.2.99"]}],
            "sources": [{"source": "https://pkgs.k8s.io", "result": "open"}],
        },
    }
    assert found(given) == {
        ("nodes.path", "error", "w1"),
        ("nodes.name_resolution", "error", "w1"),
        ("nodes.source", "error", "w1"),
        ("nodes.vip_name", "error", "cp1"),
    }


def test_a_peer_left_out_of_the_run_may_be_down_as_long_as_another_is_up() -> None:
    given = play()
    complete(given)
    for host in ("cp1", "cp2"):
        del given["facts"][host]
    down = {"host": "cp1", "address": "192.0.2.11", "port": 6443, "protocol": "tcp", "result": "unreachable"}
    up = {"host": "cp2", "address": "192.0.2.12", "port": 6443, "protocol": "tcp", "result": "open"}
    given["reachability"] = {"w1": {"peers": [down, up]}}
    assert ("nodes.path", "warning", "w1") in found(given)
    given["reachability"] = {"w1": {"peers": [down]}}
    assert ("nodes.path", "error", "w1") in found(given)


def test_paths_to_a_host_that_is_down_are_not_said_twice() -> None:
    given = play()
    complete(given)
    given["unreachable"] = ("cp2",)
    del given["facts"]["cp2"]
    peer = {"host": "cp2", "address": "192.0.2.12", "port": 6443, "protocol": "tcp", "result": "filtered"}
    given["reachability"] = {"w1": {"peers": [peer], "names": [], "sources": []}}
    assert found(given) == {("hosts.unreachable", "warning", "cp2")}


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (lambda given: None, set()),
        (listens("e1", 2380, "etcd"), set()),
        (listens("e1", 2379, "nginx"), {("node.port_taken", "error", "e1")}),
        (listens("cp1", 2379, "nginx"), set()),
        (set_on("e2", "disk", {"/var/lib/etcd": {"free_mib": 10}}), {("node.disk", "error", "e2")}),
        (set_on("e2", "disk", {"/var/lib/kubelet": {"free_mib": 10}}), set()),
        (set_on("cp2", "disk", {"/var/lib/etcd": {"free_mib": 10}}), set()),
        (set_on("e3", "time.synchronized", False), {("node.clock", "warning", "e3")}),
        (set_on("e3", "hostname", "e2"), {("nodes.hostname", "error", "e2"), ("nodes.hostname", "error", "e3")}),
        (set_on("e3", "cpu_count", 1), set()),
    ],
)
def test_hosts_of_an_external_etcd(
    spoil: Callable[[dict[str, Any]], None], expected: set[tuple[str, str, str]]
) -> None:
    given = play(etcd=True)
    spoil(given)
    assert found(given) == expected


def test_an_etcd_host_that_is_out_of_reach_is_fatal_before_there_is_a_cluster() -> None:
    given = play(etcd=True)
    del given["facts"]["e1"]
    given["unreachable"] = ("e1",)
    assert found(given) == {("hosts.unreachable", "error", "e1")}


@pytest.mark.parametrize(
    ("spoil", "variables", "expected"),
    [
        (lambda given: None, {}, set()),
        (listens("lb1", 8443, "nginx"), {}, {("node.port_taken", "error", "lb1")}),
        (listens("lb1", 8443, "haproxy"), {}, set()),
        (listens("lb2", 8405, "nginx"), {}, {("node.port_taken", "error", "lb2")}),
        (listens("lb2", 8405, "nginx"), {"load_balancer_monitor_port": 9405}, set()),
        (listens("lb2", 8405, "nginx"), {"kubeops_load_balancer": "external"}, set()),
        (listens("lb1", 10250, "nginx"), {}, set()),
        (listens("cp1", 8443, "nginx"), {}, set()),
        (set_on("lb1", "time.synchronized", False), {}, {("node.clock", "warning", "lb1")}),
        (set_on("lb2", "hostname", "lb1"), {}, {("nodes.hostname", "error", host) for host in BALANCERS}),
        (set_on("lb1", "cpu_count", 1), {}, set()),
        (
            set_on("lb1", "addresses", [{"address": "192.0.2.99", "prefix": 24, "mac": "x"}]), {},
            {("node.address", "error", "lb1")},
        ),
    ],
)  # fmt: skip
def test_load_balancers_on_hosts_of_their_own(
    spoil: Callable[[dict[str, Any]], None], variables: dict[str, Any], expected: set[tuple[str, str, str]]
) -> None:
    given = play(balancers=True, **variables)
    spoil(given)
    assert found(given) == expected


@pytest.mark.parametrize(
    ("down", "live", "level"),
    [(["lb1"], False, "warning"), (["lb1", "lb2"], False, "error"), (["lb1", "lb2"], True, "warning")],
)
def test_some_load_balancer_is_needed_before_there_is_a_cluster(down: list[str], live: bool, level: str) -> None:
    given = play(balancers=True)
    if live:
        complete(given)
    for host in down:
        del given["facts"][host]
    given["unreachable"] = tuple(down)
    assert found(given) == {("hosts.unreachable", level, host) for host in down}
