# SPDX-License-Identifier: GPL-3.0-or-later
"""A changed variable reaches the live cluster, one control plane at a time, with the API up."""

from __future__ import annotations

import ssl
import time
from pathlib import Path

import pytest
from cryptography import x509

from .cluster import FULL_ONLY, Cluster, Probe

CONTROL_PLANES = ("cp1", "cp2", "cp3")
NODES = (*CONTROL_PLANES, "w1", "w2")


def endpoint(cluster: Cluster) -> Probe:
    host, port = str(cluster.inventory_vars()["kubeops_endpoint"]).rsplit(":", 1)
    return Probe(host, int(port), of=cluster)


def overlaid(cluster: Cluster, variable: str, **values: object) -> dict[str, object]:
    """What the cluster has of a mapping, with these on top."""
    inherited = cluster.extra_vars.get(variable) or cluster.inventory_vars().get(variable) or {}
    assert isinstance(inherited, dict)
    return {**inherited, **values}


def apply(cluster: Cluster, **variables: object) -> None:
    """Predict, apply under a 10 Hz client, and see that a second run is quiet."""
    cluster.extra_vars.update(variables)
    predicted = cluster.run("--check", "--diff")
    assert predicted.rc == 0, predicted.tail()

    with endpoint(cluster).running() as probe:
        run = cluster.run("--diff")
    print(
        f"{variables}: {run.seconds:.0f} s, {len(probe.failures)} of {probe.requests} requests failed, "
        f"slowest {probe.slowest:.2f} s, longest outage {probe.longest_outage:.2f} s"
    )
    assert run.rc == 0, run.tail()
    assert run.changed_tasks, f"{variables} changed nothing"
    assert predicted.changed_tasks == run.changed_tasks
    assert probe.failed_in_a_row < 2, probe.failures
    cluster.assert_healthy(NODES)

    again = cluster.run()
    assert (again.rc, again.changed_hosts) == (0, {}), again.changed_tasks


def served_names(cluster: Cluster, node: str) -> list[str]:
    pem = ssl.get_server_certificate((cluster.address(node), 6443))
    certificate = x509.load_pem_x509_certificate(pem.encode())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return names.get_values_for_type(x509.DNSName)


def test_extra_san_is_served_by_every_api_server(cluster: Cluster) -> None:
    apply(cluster, kubeops_api_server_extra_sans=["api.example.com"])
    for node in CONTROL_PLANES:
        assert "api.example.com" in served_names(cluster, node), node


def test_what_the_cluster_was_made_with_is_refused_as_a_setting(cluster: Cluster, tmp_path: Path) -> None:
    file = tmp_path / "etcd.pem"
    file.touch()
    other = {
        "kubeops_service_subnet": "10.112.0.0/16",
        "kubeops_pod_subnet": "10.245.0.0/16",
        "kubeops_dns_domain": "other.local",
        "kubeops_external_etcd": {
            "endpoints": ["https://192.0.2.9:2379"], **dict.fromkeys(("ca_file", "cert_file", "key_file"), str(file))
        },
    }  # fmt: skip
    run = cluster.run(extra=other)
    assert run.rc != 0
    assert run.changed_hosts == {}, run.changed_tasks
    for variable in other:
        assert variable in run.output, run.tail()


@FULL_ONLY
def test_apiserver_argument_runs_on_every_control_plane(cluster: Cluster) -> None:
    apply(cluster, kubeops_api_server_extra_args={"event-ttl": "2h"})
    for node in CONTROL_PLANES:
        assert "--event-ttl=2h" in cluster.sh(node, "tr '\\0' ' ' < /proc/$(pgrep -x kube-apiserver)/cmdline"), node


@FULL_ONLY
def test_kubelet_setting_runs_on_every_node(cluster: Cluster) -> None:
    apply(cluster, kubeops_kubelet_config=overlaid(cluster, "kubeops_kubelet_config", maxPods=77))
    for node in NODES:
        assert cluster.kubectl("cp1", f"get node {node} -o jsonpath='{{.status.capacity.pods}}'") == "77", node


@FULL_ONLY
def test_registry_mirror_reaches_every_runtime(cluster: Cluster) -> None:
    apply(cluster, kubeops_registry_mirrors={"docker.io": ["https://mirror.example.com"]})
    for node in NODES:
        assert "mirror.example.com" in cluster.sh(node, "cat /etc/containerd/certs.d/docker.io/hosts.toml"), node


@FULL_ONLY
@pytest.mark.parametrize(
    ("variable", "bad", "reader", "config_map"),
    [
        pytest.param(
            "kubeops_api_server_extra_args", {"event-ttl": "soon"}, "kube-apiserver", "kubeadm-config", id="API server"
        ),
        pytest.param(
            "kubeops_kubelet_config",
            # The lower one has to be lower.
            {"imageGCLowThresholdPercent": 90, "imageGCHighThresholdPercent": 80},
            "kubelet",
            "kubelet-config",
            id="kubelet",
        ),
    ],
)
def test_a_setting_that_does_not_work_stops_at_the_first_node_and_is_taken_back(
    cluster: Cluster, variable: str, bad: dict[str, object], reader: str, config_map: str
) -> None:
    before = {node: what_runs(cluster, node) for node in NODES}
    with endpoint(cluster).running() as probe:
        run = cluster.run(extra={variable: overlaid(cluster, variable, **bad)})
    print(
        f"{variable}: refused after {run.seconds:.0f} s, {len(probe.failures)} of {probe.requests} requests failed, "
        f"longest outage {probe.longest_outage:.2f} s"
    )

    assert run.rc != 0
    assert f"{reader} died 3 times with the new settings; it runs with the old ones again" in run.output, run.tail()
    assert [host for host, row in run.recap.items() if row["failed"]] == ["cp1"], run.tail()
    assert probe.failed_in_a_row < 2, probe.failures
    assert Probe(cluster.address("cp1"), 6443, of=cluster).once() is None
    assert {node: what_runs(cluster, node) for node in NODES} == before
    stored = cluster.kubectl("cp1", f"-n kube-system get configmap {config_map} -o yaml")
    assert not [name for name in bad if f"{name}: {bad[name]}" in stored or f"value: {bad[name]}" in stored], stored

    again = cluster.run()
    assert (again.rc, again.changed_hosts) == (0, {}), again.tail()
    cluster.assert_healthy(NODES)


def what_runs(cluster: Cluster, node: str) -> str:
    """What says what a node runs with, on disk and in the processes."""
    files = "/etc/kubernetes/manifests/*.yaml /var/lib/kubelet/config.yaml /var/lib/kubelet/kubeadm-flags.env"
    processes = "pgrep -x -a kube-apiserver | cut -d' ' -f2-"
    return cluster.sh(node, f"sha256sum {files} 2>/dev/null; {processes}", check=False)


@FULL_ONLY
@pytest.mark.parametrize("options", [(), ("--limit", "cp1")], ids=["all", "alone"])
def test_an_api_server_that_a_setting_keeps_down_comes_back_with_the_right_one(
    cluster: Cluster, options: tuple[str, ...]
) -> None:
    """As a run leaves it that was cut off, by a reboot say, before it could put the old manifest back."""
    manifest = "/etc/kubernetes/manifests/kube-apiserver.yaml"
    cluster.sh("cp1", f"sed -i 's/^    - kube-apiserver$/&\\n    - --event-ttl=soon/' {manifest}")
    assert "--event-ttl=soon" in cluster.sh("cp1", f"cat {manifest}")
    own = Probe(cluster.address("cp1"), 6443, of=cluster)
    deadline = time.monotonic() + 120
    while own.once() is None:
        assert time.monotonic() < deadline, "the API server does not mind the setting"
        time.sleep(1)

    predicted = cluster.run("--check")
    run = cluster.run(*options)
    assert run.rc == 0, run.tail()
    changed = {(task.partition(" : ")[2], host) for task, host in run.changed_tasks}
    assert changed == {("Apply changed settings", "cp1")}
    assert run.changed_tasks <= predicted.changed_tasks, predicted.tail()
    assert own.once() is None
    assert "soon" not in cluster.sh("cp1", f"cat {manifest}")
    cluster.assert_healthy(NODES, via="cp2")
    assert cluster.run().changed_hosts == {}


@FULL_ONLY
def test_flag_of_the_workers_kubelets(cluster: Cluster) -> None:
    """A variable of the role, so it reaches the workers alone."""
    apply(cluster, worker_kubelet_extra_args={"v": "3"})
    for node in ("w1", "w2"):
        assert "--v=3" in cluster.sh(node, "tr '\\0' ' ' < /proc/$(pgrep -x kubelet)/cmdline"), node
    apply(cluster, worker_kubelet_extra_args={})
    for node in ("w1", "w2"):
        assert "--v=3" not in cluster.sh(node, "tr '\\0' ' ' < /proc/$(pgrep -x kubelet)/cmdline"), node
