# SPDX-License-Identifier: GPL-3.0-or-later
"""A changed variable reaches the live cluster, one control plane at a time, with the API up."""

from __future__ import annotations

import ssl

from cryptography import x509

from .cluster import FULL_ONLY, Cluster, Probe

CONTROL_PLANES = ("cp1", "cp2", "cp3")
NODES = (*CONTROL_PLANES, "w1", "w2")
# Reachable throughout: a client that tries again is served within this time.
REACHABLE_SECONDS = 2.0


def apply(cluster: Cluster, **variables: object) -> None:
    """Predict, apply under a 10 Hz client, and see that a second run is quiet."""
    cluster.extra_vars.update(variables)
    predicted = cluster.run("--check", "--diff")
    assert predicted.rc == 0, predicted.tail()

    host, port = str(cluster.inventory_vars()["kubeops_endpoint"]).rsplit(":", 1)
    with Probe(host, int(port)).running() as probe:
        run = cluster.run("--diff")
    print(
        f"{variables}: {run.seconds:.0f} s, {len(probe.failures)} of {probe.requests} requests failed, "
        f"slowest {probe.slowest:.2f} s, longest outage {probe.longest_outage:.2f} s"
    )
    assert run.rc == 0, run.tail()
    assert run.changed_tasks, f"{variables} changed nothing"
    assert predicted.changed_tasks == run.changed_tasks
    assert probe.longest_outage < REACHABLE_SECONDS, probe.failures
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


@FULL_ONLY
def test_apiserver_argument_runs_on_every_control_plane(cluster: Cluster) -> None:
    apply(cluster, kubeops_api_server_extra_args={"event-ttl": "2h"})
    for node in CONTROL_PLANES:
        assert "--event-ttl=2h" in cluster.sh(node, "tr '\\0' ' ' < /proc/$(pgrep -x kube-apiserver)/cmdline"), node


@FULL_ONLY
def test_kubelet_setting_runs_on_every_node(cluster: Cluster) -> None:
    inherited = cluster.inventory_vars().get("kubeops_kubelet_config") or {}
    assert isinstance(inherited, dict)
    apply(cluster, kubeops_kubelet_config={**inherited, "maxPods": 77})
    for node in NODES:
        assert cluster.kubectl("cp1", f"get node {node} -o jsonpath='{{.status.capacity.pods}}'") == "77", node


@FULL_ONLY
def test_registry_mirror_reaches_every_runtime(cluster: Cluster) -> None:
    apply(cluster, kubeops_registry_mirrors={"docker.io": ["https://mirror.example.com"]})
    for node in NODES:
        assert "mirror.example.com" in cluster.sh(node, "cat /etc/containerd/certs.d/docker.io/hosts.toml"), node
