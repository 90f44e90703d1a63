# SPDX-License-Identifier: GPL-3.0-or-later
"""Documents from the typed model."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.kubeops.cluster.plugins.module_utils._kubeadm import config
from ansible_collections.kubeops.cluster.plugins.module_utils._kubeadm.config import (
    Cluster,
    Component,
    Credentials,
    Node,
)

NODE = Node(name="cp1", ip="192.0.2.1", cri_socket="unix:///run/containerd/containerd.sock")
CREDENTIALS = Credentials("192.0.2.9:8443", "abcdef.0123456789abcdef", ("sha256:00",), "ff" * 32)


def document(cluster: Cluster, kind: str = "ClusterConfiguration") -> dict[str, Any]:
    return next(found for found in config.init_documents(cluster, NODE) if found["kind"] == kind)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, []),
        ({"b": 1, "a": True}, [{"name": "a", "value": "true"}, {"name": "b", "value": "1"}]),
        ({"issuer": ["x", "y"]}, [{"name": "issuer", "value": "x"}, {"name": "issuer", "value": "y"}]),
    ],
)
def test_arguments(values: dict[str, Any], expected: list[dict[str, str]]) -> None:
    assert config.arguments(values) == expected


@pytest.mark.parametrize(
    ("base", "overlay", "expected"),
    [
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": 3}}, {"a": {"b": 3, "c": 2}}),
        ({"a": [1]}, {"a": [2]}, {"a": [2]}),
        ({"a": {"b": 1}}, {"a": None}, {"a": None}),
    ],
)
def test_merge(base: dict[str, Any], overlay: dict[str, Any], expected: dict[str, Any]) -> None:
    assert config.merge(base, overlay) == expected


def test_minimal_cluster_leaves_kubeadms_defaults_alone() -> None:
    found = document(Cluster(version="v1.36.3"))
    assert found == {
        "apiVersion": "kubeadm.k8s.io/v1beta4",
        "kind": "ClusterConfiguration",
        "clusterName": "kubernetes",
        "kubernetesVersion": "v1.36.3",
        "etcd": {"local": {"dataDir": "/var/lib/etcd"}},
    }


def test_files_of_the_api_server_are_mounted_once() -> None:
    found = document(Cluster(version="v1.36.3", audit_policy_file="/a/p.yaml", encryption_file="/a/e.json"))[
        "apiServer"
    ]
    names = [volume["name"] for volume in found["extraVolumes"]]
    assert names == ["kubeops", "audit-log"]
    flags = {entry["name"]: entry["value"] for entry in found["extraArgs"]}
    assert flags["audit-policy-file"] == "/a/p.yaml"
    assert flags["encryption-provider-config"] == "/a/e.json"
    assert flags["audit-log-maxage"] == "30"


def test_the_operator_has_the_last_word_on_flags() -> None:
    cluster = Cluster(version="v1", audit_policy_file="/a", api_server=Component({"audit-log-maxage": 7}))
    flags = {entry["name"]: entry["value"] for entry in document(cluster)["apiServer"]["extraArgs"]}
    assert flags["audit-log-maxage"] == "7"


def test_feature_gates_reach_every_component() -> None:
    cluster = Cluster(version="v1", feature_gates={"B": False, "A": True})
    found = document(cluster)
    for component in ("apiServer", "controllerManager", "scheduler"):
        assert found[component]["extraArgs"] == [{"name": "feature-gates", "value": "A=true,B=false"}]
    assert document(cluster, "KubeletConfiguration")["featureGates"] == {"A": True, "B": False}
    assert document(cluster, "KubeProxyConfiguration")["featureGates"] == {"A": True, "B": False}


def test_overlay_is_merged_by_kind() -> None:
    found = document(Cluster(version="v1", extra={"ClusterConfiguration": {"certificateValidityPeriod": "1h"}}))
    assert found["certificateValidityPeriod"] == "1h"


def test_external_etcd_replaces_the_local_one() -> None:
    etcd = {"endpoints": ["https://192.0.2.5:2379"], "ca_file": "/ca", "cert_file": "/c", "key_file": "/k"}
    assert document(Cluster(version="v1", external_etcd=etcd))["etcd"] == {
        "external": {"endpoints": ["https://192.0.2.5:2379"], "caFile": "/ca", "certFile": "/c", "keyFile": "/k"}
    }


def test_init_leaves_no_lasting_token_and_prints_none() -> None:
    found = document(Cluster(version="v1", addons=["coredns"]), "InitConfiguration")
    assert [token["ttl"] for token in found["bootstrapTokens"]] == ["1s"]
    assert found["skipPhases"] == ["addon/kube-proxy", "show-join-command"]


def test_only_a_control_plane_gets_a_certificate_key() -> None:
    worker = config.join_document(NODE, CREDENTIALS, False, {})
    control_plane = config.join_document(NODE, CREDENTIALS, True, {})
    assert "controlPlane" not in worker
    assert control_plane["controlPlane"]["certificateKey"] == "ff" * 32
    assert control_plane["controlPlane"]["localAPIEndpoint"] == {"advertiseAddress": "192.0.2.1", "bindPort": 6443}


def test_dual_stack_node_advertises_its_first_address() -> None:
    assert Node(name="n", ip="192.0.2.1,2001:db8::1").address == "192.0.2.1"


def test_credentials_do_not_show_their_secrets() -> None:
    assert "0123456789abcdef" not in repr(CREDENTIALS)
    assert "ffff" not in repr(CREDENTIALS)


def test_dump_is_deterministic_json_documents() -> None:
    text = config.dump([{"b": 1, "a": 2}, {"c": 3}])
    assert text == config.dump([{"a": 2, "b": 1}, {"c": 3}])
    assert [json.loads(part) for part in text.split("---\n")] == [{"a": 2, "b": 1}, {"c": 3}]


def test_flags_of_a_workers_kubelet_come_from_what_it_joined_with() -> None:
    worker = config.Node("w1", "192.0.2.21", kubelet_extra_args={"v": 4})
    extra = {"JoinConfiguration": {"nodeRegistration": {"criSocket": "unix:///x"}}, "ClusterConfiguration": {"a": 1}}
    init, cluster = config.kubelet_documents("v1.36.3", worker, extra, "/run/empty")
    assert init["kind"] == "InitConfiguration"
    assert init["nodeRegistration"] == {
        "name": "w1",
        "kubeletExtraArgs": [{"name": "node-ip", "value": "192.0.2.21"}, {"name": "v", "value": "4"}],
        "criSocket": "unix:///x",
    }
    assert (cluster["kubernetesVersion"], cluster["certificatesDir"]) == ("v1.36.3", "/run/empty")
