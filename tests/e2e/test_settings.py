# SPDX-License-Identifier: GPL-3.0-or-later
"""Every typed setting of a control plane at once, seen at work on a cluster made with them, then taken back."""

from __future__ import annotations

import base64
import contextlib
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from . import etcd_gateway
from .cluster import FULL_ONLY, Cluster, KeptConnection, Probe
from .conftest import own_lab

NODES = ("cp1", "cp2", "w1")
LAYOUT = "cp1:control_plane,cp2:control_plane,w1:workers"
# secretbox, the first bytes of every value that the API server encrypted with it.
ENCRYPTED = b"k8s:enc:secretbox:v1:"
PATCH = {"metadata": {"annotations": {"example.com/patched": "yes"}}}
PRIVILEGED = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "privileged"},
    "spec": {"containers": [{"name": "c", "image": "c", "securityContext": {"privileged": True}}]},
}
POD_SECURITY = {"enforce": "baseline", "warn": "restricted", "exemptions": {"namespaces": ["kube-system"]}}
TAINT = {"key": "example.com/slow", "value": "disk", "effect": "PreferNoSchedule"}


def settings(patches: Path) -> dict[str, object]:
    return {
        "kubeops_encryption_at_rest": True,
        "kubeops_audit_policy": "default",
        "kubeops_pod_security": POD_SECURITY,
        "kubeops_patches": str(patches),
        "kubeops_api_server_extra_sans": ["api.example.com"],
        "kubeops_api_server_extra_args": {"event-ttl": "2h"},
        "kubeops_controller_manager_extra_args": {"terminated-pod-gc-threshold": "100"},
        "kubeops_scheduler_extra_args": {"v": "1"},
        "kubeops_etcd_extra_args": {"quota-backend-bytes": "4294967296"},
        "kubeops_kubeadm_extra": {"KubeProxyConfiguration": {"metricsBindAddress": "127.0.0.1:10249"}},
        "kubeops_node_labels": {"example.com/tier": "gold"},
        "kubeops_node_taints": [TAINT],
    }  # fmt: skip


@pytest.fixture(scope="module")
def made(
    make_cluster: Callable[[str, str, str], Cluster], version: str, tmp_path_factory: pytest.TempPathFactory
) -> Cluster:
    patches = tmp_path_factory.mktemp("patches")
    (patches / "kube-apiserver+merge.json").write_text(json.dumps(PATCH))
    cluster = make_cluster(own_lab("settings"), version, LAYOUT)
    cluster.created(**settings(patches))
    cluster.assert_healthy(NODES)
    return cluster


def node(cluster: Cluster, name: str) -> dict[str, dict[str, object]]:
    decoded = json.loads(cluster.kubectl("cp1", f"get node {name} -o json"))
    assert isinstance(decoded, dict)
    return decoded


def command_line(cluster: Cluster, host: str, process: str) -> str:
    return cluster.sh(host, f"tr '\\0' ' ' < /proc/$(pgrep -xo {process})/cmdline")


@FULL_ONLY
@pytest.mark.parametrize("host", ["cp1", "cp2"])
@pytest.mark.parametrize(
    ("process", "flag"),
    [
        ("kube-apiserver", "--event-ttl=2h"),
        ("kube-controller", "--terminated-pod-gc-threshold=100"),
        ("kube-scheduler", "--v=1"),
        ("etcd", "--quota-backend-bytes=4294967296"),
    ],
)
def test_flag_runs(made: Cluster, host: str, process: str, flag: str) -> None:
    assert flag in command_line(made, host, process)


@FULL_ONLY
@pytest.mark.parametrize("host", ["cp1", "cp2"])
def test_secrets_are_encrypted_in_etcd_and_readable_through_every_api_server(made: Cluster, host: str) -> None:
    name = f"proof-{host}"
    made.kubectl(host, f"create secret generic {name} --from-literal=word=plain-{host}")
    key = base64.b64encode(f"/registry/secrets/default/{name}".encode()).decode()
    answer = etcd_gateway.ask(made, host, etcd_gateway.STACKED, "/v3/kv/range", json.dumps({"key": key}))
    assert isinstance(answer["kvs"], list)
    stored = base64.b64decode(answer["kvs"][0]["value"])
    assert stored.startswith(ENCRYPTED)
    assert b"plain" not in stored
    for reader in ("cp1", "cp2"):
        word = made.kubectl(reader, f"get secret {name} -o jsonpath='{{.data.word}}'")
        assert base64.b64decode(word).decode() == f"plain-{host}"


@FULL_ONLY
def test_audit_log_tells_who_made_a_secret_but_not_its_content(made: Cluster) -> None:
    """The request goes through the endpoint, to either of the two."""
    made.kubectl("cp1", "create secret generic audited --from-literal=word=unspoken")
    logs = ""
    for host in ("cp1", "cp2"):
        path = re.search(r"--audit-log-path=(\S+)", command_line(made, host, "kube-apiserver"))
        assert path
        logs += made.sh(host, f"cat {path[1]}")
    events = [json.loads(line) for line in logs.splitlines() if "secrets/audited" in line or '"audited"' in line]
    assert {(event["verb"], event["user"]["username"]) for event in events} == {("create", "kubernetes-admin")}
    assert base64.b64encode(b"unspoken").decode() not in logs


@FULL_ONLY
def test_pod_security_refuses_a_privileged_pod(made: Cluster) -> None:
    made.sh("cp1", f"cat > /tmp/privileged.json <<'E'\n{json.dumps(PRIVILEGED)}\nE")
    answer = made.kubectl("cp1", "apply --dry-run=server -f /tmp/privileged.json 2>&1 || true")
    assert 'violates PodSecurity "baseline' in answer


@FULL_ONLY
@pytest.mark.parametrize("host", ["cp1", "cp2"])
def test_patch_is_in_the_static_pod(made: Cluster, host: str) -> None:
    path = r"-o jsonpath='{.metadata.annotations.example\.com/patched}'"
    assert made.kubectl("cp1", f"-n kube-system get pod kube-apiserver-{host} {path}") == "yes"


@FULL_ONLY
def test_settings_come_and_go(made: Cluster) -> None:
    """A quiet second run; then labels and taints are taken back, which changes them and nothing else."""
    again = made.run()
    assert (again.rc, again.changed_hosts) == (0, {}), again.changed_tasks
    for name in NODES:
        assert node(made, name)["metadata"]["labels"]["example.com/tier"] == "gold"  # type: ignore[index]
        assert TAINT in node(made, name)["spec"]["taints"]  # type: ignore[operator]

    patch = Path(str(made.extra_vars["kubeops_patches"])) / "kube-apiserver+merge.json"
    text = patch.read_text()
    patch.write_text(text.replace("yes", "again"))
    predicted = made.run("--check", "--diff")
    patch.write_text(text)
    assert predicted.rc == 0, predicted.tail()
    assert any(task.endswith("Apply changed settings") for task, __ in predicted.changed_tasks), predicted.tail()

    made.extra_vars.update({"kubeops_node_labels": {}, "kubeops_node_taints": []})
    run = made.run()
    assert run.rc == 0, run.tail()
    assert {task.partition(" : ")[2] for task, _host in run.changed_tasks} == {"Labels and taints"}
    for name in NODES:
        assert "example.com/tier" not in node(made, name)["metadata"]["labels"]  # type: ignore[operator]
        assert TAINT not in node(made, name)["spec"].get("taints", [])  # type: ignore[operator]


@FULL_ONLY
def test_a_control_plane_joins_while_clients_stay_connected(made: Cluster) -> None:
    """The load balancers learn of it without dropping a connection, and it runs with the same settings."""
    made.up(f"{LAYOUT},cp3:control_plane")
    host, port = str(made.inventory_vars()["kubeops_endpoint"]).rsplit(":", 1)
    probe, kept = Probe(host, int(port), of=made), [KeptConnection(host, int(port)) for __ in range(4)]
    with probe.running(), contextlib.ExitStack() as connections:
        for connection in kept:
            connections.enter_context(connection.running())
        run = made.run()
    print(f"{len(probe.failures)} of {probe.requests} requests failed; kept: {[(k.requests, k.lost) for k in kept]}")
    assert run.rc == 0, run.tail()
    made.assert_healthy((*NODES, "cp3"))
    assert probe.failures == []
    assert [connection.lost for connection in kept] == [""] * len(kept)
    assert "--event-ttl=2h" in command_line(made, "cp3", "kube-apiserver")
    assert made.run().changed_hosts == {}


@FULL_ONLY
def test_a_control_plane_joins_in_the_run_that_changes_settings(made: Cluster, tmp_path: Path) -> None:
    """It starts with the new ones: the old ones may name files that it does not have."""
    policy = tmp_path / "policy.yaml"
    policy.write_text("apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{level: Metadata}]\n")
    made.extra_vars.update({"kubeops_audit_policy": str(policy), "kubeops_api_server_extra_args": {"event-ttl": "3h"}})
    made.up(f"{LAYOUT},cp3:control_plane,cp4:control_plane")
    run = made.run()
    assert run.rc == 0, run.tail()
    made.assert_healthy((*NODES, "cp3", "cp4"))
    lines = {command_line(made, host, "kube-apiserver") for host in ("cp1", "cp4")}
    assert all("--event-ttl=3h" in line for line in lines)
    assert len({line.split("--audit-policy-file=")[1].split()[0] for line in lines}) == 1
    assert made.run().changed_hosts == {}
