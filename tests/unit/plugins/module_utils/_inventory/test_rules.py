# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules about inventories: right ones in many shapes give nothing, each fault gives its finding.

Whole runs with the real ansible-playbook: tests/integration/test_wrong_inventories.py.
"""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from ansible_collections.kubeops.cluster.plugins.module_utils._inventory import rules
from ansible_collections.kubeops.cluster.plugins.module_utils._inventory.model import (
    Inventory,
    Surroundings,
    parse_endpoint,
)

TODAY = date(2026, 9, 1)
MANIFEST = {"files": [{"kind": "binary", "name": "kubelet", "version": "v1.35.6", "arch": "amd64"}]}
HA = {"kubeops_version": "1.36.3", "kubeops_vip": "192.0.2.100", "kubeops_endpoint": "192.0.2.100:8443"}
ALONE = {"kubeops_version": "1.36.3"}
LOGIN = {"username": "a", "password": "unspoken"}
ETCD = {"endpoints": ["https://192.0.2.31:2379"], "ca_file": "/ca", "cert_file": "/cert", "key_file": "/key"}


def inventory(control_planes: int = 3, workers: int = 1, **variables: Any) -> Inventory:
    """Hosts 192.0.2.11 and on are control planes, 192.0.2.21 and on workers."""
    common = {**(HA if control_planes > 1 else ALONE), **variables}
    names = {
        "control_plane": [f"cp{number}" for number in range(1, control_planes + 1)],
        "workers": [f"w{number}" for number in range(1, workers + 1)],
    }
    hosts = {
        host: {"ansible_host": f"192.0.2.{tens}{host[-1]}", **common}
        for tens, group in ((1, "control_plane"), (2, "workers"))
        for host in names[group]
    }
    return Inventory(names, hosts)


def found(given: Inventory, around: Surroundings | None = None) -> set[tuple[str, str]]:
    """(rule, level) of every finding."""
    around = around or Surroundings(TODAY, exists=lambda path: True)
    return {(finding.rule, finding.level) for finding in rules.check(given, around)}


RIGHT: list[Inventory] = [
    inventory(),
    inventory(1, 0),
    inventory(1, 3, kubeops_load_balancer="none"),
    inventory(1, 1, kubeops_vip="192.0.2.100", kubeops_endpoint="192.0.2.100:8443"),
    inventory(5, 5, kubeops_version="v1.37.1"),
    inventory(3, 1, kubeops_endpoint="api.example.com:8443"),
    inventory(3, 1, kubeops_load_balancer="external", kubeops_endpoint="api.example.com:6443", kubeops_vip=None),
    inventory(2, 1, kubeops_external_etcd=ETCD),
    inventory(3, 1, kubeops_api_port="6443", kubeops_encryption_at_rest="yes"),
    inventory(3, 1, kubeops_pod_subnet="10.244.0.0/16,fd00:1::/56", kubeops_service_subnet="10.96.0.0/12,fd00:2::/112"),
    inventory(3, 1, kubeops_pod_security={"enforce": "baseline", "enforce-version": "v1.36", "exemptions": {}}),
    inventory(3, 1, kubeops_node_labels={"topology.kubernetes.io/zone": "a", "empty": ""}),
    inventory(3, 1, kubeops_node_taints=[{"key": "example.com/gpu", "effect": "NoExecute"}]),
    inventory(3, 1, kubeops_registry_mirrors={"docker.io": ["https://mirror:5000/v2", "http://[2001:db8::1]:80"]}),
    inventory(3, 1, kubeops_registry_auth={"docker.io": LOGIN, "harbor:5000": LOGIN, "[2001:db8::1]:80": LOGIN}),
    inventory(3, 1, kubeops_feature_gates={"A": True}, kubeops_api_server_extra_args={"v": 4, "x": ["a", "b"]}),
    inventory(3, 1, kubeops_audit_policy="default", kubeops_repository_key="https://example.com/key"),
    inventory(
        3, 1, kubeops_pod_subnet="10.244.0.0/24", kubeops_controller_manager_extra_args={"node-cidr-mask-size": 27}
    ),
]


@pytest.mark.parametrize("given", RIGHT)
def test_right(given: Inventory) -> None:
    assert found(given) == set()


WRONG: list[tuple[Inventory, str, str]] = [
    (Inventory({"all": ["a"], "ungrouped": ["a"]}, {}), "groups.no_control_plane", "error"),
    (inventory(2), "groups.even_control_planes", "warning"),
    (inventory(3, 1, kubeops_version="1.38.0"), "version.unknown", "warning"),
    (inventory(3, 1, kubeops_version="1.33.1"), "version.end_of_life", "warning"),
    (inventory(3, 1, kubeops_version="latest"), "version.malformed", "error"),
    (inventory(3, 1, kubeops_swap=False), "variables.type", "error"),
    (inventory(3, 1, kubeops_encryption_at_rest="maybe"), "variables.type", "error"),
    (inventory(3, 1, kubeops_api_port=99999), "endpoint.api_port", "error"),
    (inventory(3, 1, kubeops_on_partial="ignore"), "variables.choice", "error"),
    (inventory(3, 1, kubeops_api_server_extra_args={"--v": "4"}), "variables.extra_args", "error"),
    (inventory(3, 1, kubeops_etcd_extra_args={"quota": {"a": 1}}), "variables.extra_args", "error"),
    (inventory(3, 1, kubeops_node_labels={"a b": "c"}), "variables.label", "error"),
    (inventory(3, 1, kubeops_node_labels={"a": True}), "variables.label", "error"),
    (inventory(3, 1, kubeops_node_taints=["gpu:NoSchedule"]), "variables.taint", "error"),
    (inventory(3, 1, kubeops_node_taints=[{"effect": "NoSchedule"}]), "variables.taint", "error"),
    (
        inventory(3, 1, kubeops_registry_mirrors={"https://docker.io": ["https://m"]}),
        "variables.registry_mirror",
        "error",
    ),
    (inventory(3, 1, kubeops_registry_auth={"https://harbor/x": LOGIN}), "variables.registry_auth", "error"),
    (inventory(3, 1, kubeops_registry_auth={"harbor": {"user": "a", "pass": "b"}}), "variables.registry_auth", "error"),
    (inventory(3, 1, kubeops_registry_auth={"harbor": {**LOGIN, "email": "x"}}), "variables.registry_auth", "error"),
    (inventory(3, 1, kubeops_registry_auth={"harbor": {**LOGIN, "password": 1}}), "variables.registry_auth", "error"),
    (inventory(3, 1, kubeops_registry_auth={"harbor": "a:b"}), "variables.registry_auth", "error"),
    (inventory(3, 1, kubeops_http_proxy="proxy:3128"), "variables.proxy", "error"),
    (inventory(3, 1, kubeops_https_proxy="http://u:p@proxy:3128"), "variables.proxy_password", "warning"),
    (inventory(3, 1, kubeops_pod_security={"enforce": "strict"}), "variables.pod_security", "error"),
    (inventory(3, 1, kubeops_pod_security={"enforced": "baseline"}), "variables.pod_security", "error"),
    (inventory(3, 1, kubeops_addons=["dashboard"]), "variables.addon", "error"),
    (inventory(3, 1, kubeops_kubelet_config={"cgroupDriver": "cgroupfs"}), "variables.kubelet_overlay", "error"),
    (
        inventory(3, 1, kubeops_kubelet_config={"failSwapOn": True}, kubeops_swap="tolerate"),
        "variables.kubelet_overlay",
        "error",
    ),
    (inventory(3, 1, kubeops_external_etcd={**ETCD, "endpoint": "x"}), "variables.external_etcd", "error"),
    (inventory(3, 1, kubeops_repository_url="pkgs.k8s.io"), "variables.repository_url", "error"),
    (inventory(3, 1, kubeops_image_repository="https://registry.k8s.io"), "variables.image_repository", "error"),
    (inventory(3, 1, kubeops_ignore_preflight=["all"]), "variables.ignore_all", "warning"),
    (inventory(3, 1, kubeops_service_subnet="10.0.0.0/8"), "network.subnet_size", "error"),
    (inventory(3, 1, kubeops_pod_subnet=""), "network.invalid_subnet", "error"),
    (inventory(3, 1, kubeops_pod_subnet="10.1.0.0/16,10.2.0.0/16"), "network.invalid_subnet", "error"),
    (inventory(3, 1, kubeops_dns_domain="Cluster.Local."), "network.dns_domain", "error"),
    (
        inventory(3, 1, kubeops_pod_subnet="fd00:1::/56", kubeops_service_subnet="fd00:2::/112"),
        "network.node_family",
        "error",
    ),
    (inventory(3, 1, kubeops_endpoint="192.0.2.11:8443", kubeops_vip="192.0.2.100"), "endpoint.on_node", "error"),
    (inventory(3, 1, kubeops_vip=None, kubeops_endpoint="api.example.com:8443"), "vip.missing", "error"),
    (inventory(3, 1, kubeops_vip="192.0.2.100/24"), "vip.invalid", "error"),
    (inventory(3, 1, kubeops_vip="10.244.0.9", kubeops_endpoint="10.244.0.9:8443"), "vip.in_subnet", "error"),
]


@pytest.mark.parametrize(("given", "rule", "level"), WRONG)
def test_wrong(given: Inventory, rule: str, level: str) -> None:
    assert (rule, level) in found(given)


@pytest.mark.parametrize(
    ("name", "common", "on_cp2", "on_w1", "rules"),
    [
        ("kubeops_api_server_extra_args", {"v": 2}, {"v": 4}, None, {("variables.differ", "error")}),
        # As from group_vars/control_plane: no worker reads it.
        ("kubeops_api_server_extra_args", {"v": 2}, None, {}, set()),
        ("kubeops_api_server_extra_args", {"a": "1", "b": "2"}, {"b": "2", "a": "1"}, None, set()),
        ("kubeops_api_server_extra_sans", [], ["cp2.example.com"], None, {("variables.differ", "error")}),
        ("kubeops_kubelet_config", {"maxPods": 110}, {"maxPods": 77}, None, {("variables.differ", "error")}),
        ("kubeops_feature_gates", {}, {"A": True}, None, {("variables.differ", "error")}),
        ("kubeops_swap", "off", "tolerate", None, {("variables.differ", "error")}),
        ("kubeops_dns_domain", "cluster.local", None, "example.com", {("variables.differ", "error")}),
        (
            "kubeops_kubeadm_extra",
            {},
            {"ClusterConfiguration": {"certificateValidityPeriod": "1h"}},
            None,
            {("variables.differ", "error")},
        ),
        ("kubeops_kubeadm_extra", {}, {"JoinConfiguration": {"nodeRegistration": {}}}, None, set()),
        ("kubeops_node_labels", {}, {"a": "b"}, {"c": "d"}, set()),
        # Longer than what a message shows of it.
        ("kubeops_kubelet_config", {"a": "x" * 500}, {"a": "x" * 500 + "y"}, None, {("variables.differ", "error")}),
    ],
)
def test_what_the_cluster_has_once(
    name: str, common: Any, on_cp2: Any, on_w1: Any, rules: set[tuple[str, str]]
) -> None:
    given = inventory(3, 1, **{name: common})
    own = {"cp2": on_cp2, "w1": on_w1}
    variables = {
        host: {**values, **({name: own[host]} if own.get(host) is not None else {})}
        for host, values in given.variables.items()
    }
    assert found(Inventory(given.groups, variables)) == rules


@pytest.mark.parametrize(
    ("variables", "balancers", "missing"),
    [
        pytest.param({}, [], False, id="alone"),
        pytest.param({}, ["lb1"], True, id="behind a balancer"),
        pytest.param({"kubeops_vip": "192.0.2.100"}, [], True, id="with a virtual address"),
        pytest.param({"kubeops_endpoint": "192.0.2.31:6443"}, ["lb1"], False, id="behind a balancer, with an endpoint"),
        pytest.param({"kubeops_load_balancer": "none"}, [], False, id="without haproxy"),
    ],
)
def test_one_control_plane_needs_an_endpoint_where_haproxy_is(
    variables: dict[str, str], balancers: list[str], missing: bool
) -> None:
    given = inventory(1, 1, **variables)
    rules = found(Inventory({**given.groups, "load_balancers": balancers}, given.variables))
    assert (("endpoint.missing", "error") in rules) is missing


def test_groups_that_do_nothing() -> None:
    given = inventory(3, 1, kubeops_load_balancer="external")
    groups = {**given.groups, "load_balancers": ["lb1"]}
    assert ("groups.idle_load_balancers", "warning") in found(Inventory(groups, given.variables))


def test_etcd_of_the_group_and_of_others_exclude_each_other() -> None:
    theirs = {"endpoints": ["https://192.0.2.51:2379"], "ca_file": "/ca", "cert_file": "/c", "key_file": "/k"}
    given = inventory(3, 1, kubeops_external_etcd=theirs)
    assert ("groups.two_etcd", "error") in found(Inventory({**given.groups, "etcd": ["e1"]}, given.variables))


def test_external_etcd_written_as_text_is_named_by_its_type() -> None:
    given = inventory(3, 1, kubeops_external_etcd="https://e1:2379")
    rules = found(Inventory({**given.groups, "etcd": ["e1"]}, given.variables))
    assert {("variables.type", "error"), ("groups.two_etcd", "error")} <= rules


def test_credentials_of_registries_are_not_shown() -> None:
    given = inventory(3, 1, kubeops_registry_auth={"https://a:unspoken@harbor/x": LOGIN, "quay.io": {"a": "unspoken"}})
    findings = rules.check(given, Surroundings(TODAY))
    assert len(findings) == 2
    assert "unspoken" not in str(findings)


@pytest.mark.parametrize(
    ("name", "value", "rule"),
    [
        ("kubeops_registry_mirrors", {"docker.io": "mirror"}, "variables.registry_mirror"),
        ("kubeops_registry_auth", {"harbor": {}}, "variables.registry_auth"),
        ("kubeops_http_proxy", "proxy:3128", "variables.proxy"),
        ("kubeops_https_proxy", "http://u:p@proxy:3128", "variables.proxy_password"),
        ("kubeops_patches", "patches", "variables.file_relative"),
        ("kubeops_repository_key", "key.asc", "variables.file_relative"),
        ("kubeops_repository_url", "pkgs.k8s.io", "variables.repository_url"),
        ("kubeops_ignore_preflight", ["all"], "variables.ignore_all"),
    ],
)
def test_what_one_host_alone_has_wrong_is_found_there(name: str, value: Any, rule: str) -> None:
    given = inventory(3, 1)
    variables = {**given.variables, "w1": {**given.variables["w1"], name: value}}
    findings = rules.check(Inventory(given.groups, variables), Surroundings(TODAY))
    assert [(finding.rule, finding.hosts) for finding in findings] == [(rule, ("w1",))]


def test_external_members_of_an_even_number() -> None:
    given = inventory(2, 1)
    rules = found(Inventory({**given.groups, "etcd": ["e1", "e2"]}, given.variables))
    assert ("groups.even_etcd", "warning") in rules
    assert ("groups.even_control_planes", "warning") not in rules


def test_a_load_balancer_of_its_own_may_share_the_api_servers_port() -> None:
    given = inventory(3, 1, kubeops_endpoint="192.0.2.100:6443")
    assert found(given) == {("endpoint.port_taken", "error")}
    assert found(Inventory({**given.groups, "load_balancers": ["lb1"]}, given.variables)) == set()


@pytest.mark.parametrize("name", ["masters", "control-plane", "kube_node", "Workers", "controlplanes", "load-balancer"])
def test_groups_by_other_names(name: str) -> None:
    given = inventory()
    assert ("groups.unknown", "error") in found(Inventory({**given.groups, name: ["stray"]}, given.variables))


@pytest.mark.parametrize("name", ["datacenter_1", "web", "all", "monitoring"])
def test_groups_of_ones_own(name: str) -> None:
    given = inventory()
    assert found(Inventory({**given.groups, name: ["stray", "cp1"]}, given.variables)) == set()


def test_end_of_life_can_be_an_error() -> None:
    around = Surroundings(date(2026, 11, 1), end_of_life="error")
    assert found(inventory(3, 1, kubeops_version="1.34.9"), around) == {("version.end_of_life", "error")}


@pytest.mark.parametrize(
    ("bundle", "version", "expected"),
    [
        (MANIFEST, "1.35.6", set()),
        (MANIFEST, "1.36.3", {("bundle.version", "error")}),
        ("cannot be read", "1.35.6", {("bundle.unreadable", "error")}),
    ],
)
def test_bundle(bundle: Any, version: str, expected: set[tuple[str, str]]) -> None:
    given = inventory(3, 1, kubeops_package_source="bundle", kubeops_version=version, kubeops_cni="bridge")
    assert found(given, Surroundings(TODAY, bundle)) == expected


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, {("bundle.network", "error")}),
        ({"kubeops_cni": "calico"}, set()),
        ({"kubeops_cni": "bridge"}, set()),
        ({"kubeops_cni": "none"}, set()),
        ({"cni_manifest": "/srv/flannel.yml"}, set()),
        ({"cni_manifest": "bundle:calico"}, set()),
    ],
)
def test_pod_network_of_a_bundle(variables: dict[str, str], expected: set[tuple[str, str]]) -> None:
    given = inventory(3, 1, kubeops_package_source="bundle", kubeops_version="1.35.6", **variables)
    bundle = {"files": [*MANIFEST["files"], {"kind": "manifest", "name": "calico"}]}
    assert found(given, Surroundings(TODAY, bundle, exists=lambda path: True)) == expected


@pytest.mark.parametrize(
    ("variables", "rule"),
    [
        ({"kubeops_cni": "flannel"}, ""),
        ({"kubeops_cni": "cilium"}, "network.manifest_needed"),
        ({"kubeops_cni": "manifest"}, "network.manifest_needed"),
        ({"kubeops_cni": "cilium", "cni_manifest": "/srv/cilium.yml"}, ""),
        ({"kubeops_cni": "cilium", "cni_manifest": "/gone/cilium.yml"}, "network.manifest_missing"),
        ({"kubeops_cni": "flannel", "cni_manifest": "https://mirror.example/f.yml"}, "network.manifest_checksum"),
        ({"cni_manifest": "https://mirror.example/f.yml", "cni_manifest_sha256": "0" * 64}, ""),
        ({"kubeops_cni": "none", "cni_manifest": "/gone/old.yml"}, ""),
        ({"kubeops_cni": "calico"}, ""),
        (
            {"kubeops_cni": "calico", "kubeops_pod_subnet": "2001:db8:1::/48", "kubeops_service_subnet": "fd00::/112"},
            "network.calico_family",
        ),
    ],
)
def test_manifest_of_the_pod_network(variables: dict[str, str], rule: str) -> None:
    around = Surroundings(TODAY, exists=lambda path: path.startswith("/srv"))
    rules_found = {name for name, __ in found(inventory(3, 1, **variables), around)}
    assert {name for name in rules_found if "manifest" in name or "calico" in name} == ({rule} if rule else set())


@pytest.mark.parametrize(
    ("host", "addresses", "expected"),
    [
        ("cp1", "192.0.2.11,2001:db8::11", set()),
        ("cp1", "2001:db8::11,192.0.2.11", {("network.node_family", "error")}),
        ("cp1", "2001:db8::11", {("network.node_family", "error")}),
        ("w1", "2001:db8::21,192.0.2.21", set()),
        ("w1", "2001:db8::21", {("network.node_family", "error")}),
    ],
)
def test_family_of_the_nodes(host: str, addresses: str, expected: set[tuple[str, str]]) -> None:
    given = inventory(1, 1)
    variables = {**given.variables, host: {**given.variables[host], "kubeops_node_ip": addresses}}
    assert found(Inventory(given.groups, variables)) == expected


def test_files_need_whole_paths() -> None:
    given = inventory(3, 1, kubeops_patches="patches", kubeops_audit_policy="default")
    assert found(given) == {("variables.file_relative", "error")}


def test_files_that_are_not_there() -> None:
    given = inventory(3, 1, kubeops_patches="/p", kubeops_audit_policy="/a", kubeops_external_etcd=ETCD)
    values = {finding.value for finding in rules.check(given, Surroundings(TODAY)) if "file" in finding.rule}
    assert values == {"/p", "/a", "/ca", "/cert", "/key"}


def test_secrets_stay_out_of_findings() -> None:
    given = inventory(
        3,
        1,
        kubeops_registry_auth="user:hunter2",
        kubeops_http_proxy="ftp://user:hunter2@proxy",
        kubeops_registry_auht={"docker.io": {"password": "hunter2"}},
        kubeops_htps_proxy="http://user:hunter2@proxy:3128",
    )
    findings = rules.check(given, Surroundings(TODAY))
    assert {"variables.type", "variables.proxy", "variables.unknown"} <= {finding.rule for finding in findings}
    assert "hunter2" not in repr(findings)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("api.example.com:8443", ("api.example.com", 8443)),
        ("[2001:db8::1]:6443", ("2001:db8::1", 6443)),
        ("2001:db8::1", None),
        ("api.example.com", None),
        ("api.example.com:0", None),
        ("api.example.com:65536", None),
        ("https://api.example.com:6443", None),
        (":6443", None),
    ],
)
def test_endpoint(text: str, expected: tuple[str, int] | None) -> None:
    assert parse_endpoint(text) == expected
