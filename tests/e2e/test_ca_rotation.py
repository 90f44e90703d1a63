# SPDX-License-Identifier: GPL-3.0-or-later
"""CAs are rotated under workloads; the run is killed within every stage and taken up by the next."""

from __future__ import annotations

import json
import time
from datetime import datetime, timezone
from pathlib import Path

import pytest

from .cluster import FULL_ONLY, Cluster, Probe

pytestmark = FULL_ONLY

CONTROL_PLANES = ("cp1", "cp2", "cp3")
NODES = (*CONTROL_PLANES, "w1", "w2")
PKI = "/etc/kubernetes/pki"
CAS = ("ca.crt", "etcd/ca.crt", "front-proxy-ca.crt")
JOINERS_TRUST = (
    "kubectl --kubeconfig /etc/kubernetes/admin.conf -n kube-public get configmap cluster-info "
    "-o jsonpath='{.data.kubeconfig}' | sed -n 's/.*certificate-authority-data: //p' | base64 -d"
)
# Within each stage, as it shows on a node that is neither first nor last.
MOMENTS = {
    "made": ("cp2", f"test -s {PKI}/ca-next.crt"),
    "trusted": ("cp2", f"test $(grep -c BEGIN {PKI}/ca.crt) = 2"),
    "published": ("cp1", "kubectl --kubeconfig /etc/kubernetes/admin.conf get deploy web -o yaml | grep -q trusts-ca"),
    "signed": ("cp2", f"cmp -s {PKI}/ca.key {PKI}/ca-next.key"),
    "moved": ("cp2", f"test /var/lib/kubelet/pki/kubelet-client-current.pem -nt {PKI}/ca.crt"),
    "dropped": ("cp2", f"test $(grep -c BEGIN {PKI}/ca.crt) = 1"),
    "withdrawn": ("cp1", f"test $({JOINERS_TRUST} | grep -c BEGIN) = 1"),
    "finished": ("cp2", f"! test -e {PKI}/ca-next.crt"),
}
# Kubeconfigs that the collection keeps: one on a control plane, besides the controller's copy.
OWNED = "/root/.kube/owned.conf"
# The default of rotate_ca_error_budget. An API server that has to read the CA of etcd anew restarts, and the load
# balancer learns of it from its next check: what it had been sent by then is cut off. Who tries again is served.
BUDGET = 10
WEB = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "web"},
    "spec": {
        "replicas": 4,
        "selector": {"matchLabels": {"app": "web"}},
        "template": {
            "metadata": {"labels": {"app": "web"}},
            "spec": {"containers": [{"name": "web", "image": "registry.k8s.io/e2e-test-images/agnhost:2.53",
                                     "args": ["pause"]}]},
        },
    },
}  # fmt: skip


def fingerprints(cluster: Cluster, node: str) -> list[str]:
    command = f"for ca in {' '.join(CAS)}; do openssl x509 -noout -fingerprint -in {PKI}/$ca; done"
    return cluster.sh(node, command).splitlines()


def published(cluster: Cluster) -> dict[str, int]:
    """How many CAs each ConfigMap holds."""
    items = json.loads(cluster.kubectl("cp1", "get configmaps -A -o json"))["items"]
    return {
        f"{item['metadata']['namespace']}/{item['metadata']['name']}": text.count("BEGIN")
        for item in items
        for text in (item.get("data") or {}).values()
        if "BEGIN CERTIFICATE" in text
    }


def reached(cluster: Cluster, stage: str) -> bool:
    node, command = MOMENTS[stage]
    return cluster.sh(node, f"{command} && echo reached", check=False).strip() == "reached"


@pytest.fixture
def web(cluster: Cluster) -> Cluster:
    cluster.sh("cp1", f"echo '{json.dumps(WEB)}' | kubectl --kubeconfig /etc/kubernetes/admin.conf apply -f -")
    cluster.kubectl("cp1", "rollout status deployment/web --timeout=120s")
    return cluster


def test_rotated_through_kills_in_every_stage(web: Cluster, tmp_path: Path) -> None:
    cluster = web
    cluster.sh("cp2", f"mkdir -p /root/.kube && cp /etc/kubernetes/admin.conf {OWNED}")
    brought = tmp_path / "admin.conf"
    before = {node: fingerprints(cluster, node) for node in CONTROL_PLANES}
    wanted = {
        "rotate_ca_made_before": f"{datetime.now(timezone.utc):%Y-%m-%dT%H:%M:%SZ}",
        "kubeops_confirm": "kubernetes",
        "rotate_ca_kubeconfigs": [OWNED],
        "rotate_ca_kubeconfig_dest": str(brought),
    }
    unconfirmed = cluster.run(playbook="rotate_ca", extra={**wanted, "kubeops_confirm": "other"})
    assert unconfirmed.rc != 0, unconfirmed.tail()
    predicted = cluster.run("--check", playbook="rotate_ca", extra=wanted)
    assert (predicted.rc, predicted.changed_hosts) == (0, {}), predicted.tail()
    assert "ca, etcd-ca, front-proxy-ca to rotate" in predicted.output
    assert {node: fingerprints(cluster, node) for node in CONTROL_PLANES} == before

    cluster.extra_vars.update(wanted)
    host, port = str(cluster.inventory_vars()["kubeops_endpoint"]).rsplit(":", 1)
    started = time.monotonic()
    with Probe(host, int(port), of=cluster).running() as probe:
        for stage in MOMENTS:
            ended = cluster.run_killed_when(lambda stage=stage: reached(cluster, stage), playbook="rotate_ca")  # type: ignore[misc]
            assert ended is None, f"the run ended before it was killed in stage {stage}:\n{ended.tail()}"
            # Published means that clients can be handed what trusts both CAs; signed, what the incoming one signed.
            probe.follow()
        run = cluster.run(playbook="rotate_ca")
    print(
        f"rotated in {time.monotonic() - started:.0f} s through {len(MOMENTS)} kills; {len(probe.failures)} of "
        f"{probe.requests} requests failed, {probe.failed_in_a_row} in a row at most, longest outage "
        f"{probe.longest_outage:.2f} s"
    )
    print("\n".join(probe.failures))
    assert run.rc == 0, run.tail()
    assert probe.failed_in_a_row < 2 and len(probe.failures) <= BUDGET, probe.failures
    # The client that a killed run left behind is gone.
    assert cluster.sh("cp1", "systemctl is-active kubeops-api-probe", check=False).strip() == "inactive"

    after = fingerprints(cluster, "cp1")
    assert not set(after) & set(before["cp1"])
    assert [fingerprints(cluster, node) for node in CONTROL_PLANES] == [after] * 3
    assert set(published(cluster).values()) == {1}
    assert cluster.sh("cp1", f"ls {PKI} {PKI}/etcd | grep -c next", check=False).strip() == "0"
    cluster.assert_healthy(NODES)
    cluster.kubectl("cp1", "rollout status deployment/web --timeout=120s")
    assert "version" in cluster.kubectl("cp1", "exec deployment/web -- /agnhost --version"), (
        "the kubelet lets the API server in"
    )

    assert "cp2" in cluster.sh("cp2", f"kubectl --kubeconfig {OWNED} get nodes -o name")
    assert brought.read_text() in [cluster.sh(node, "cat /etc/kubernetes/admin.conf") for node in CONTROL_PLANES]
    owned = {"renew_certificates_select": "all", "renew_certificates_kubeconfigs": [OWNED]}
    renewable = cluster.run("--check", playbook="renew_certificates", extra=owned)
    assert renewable.rc == 0, renewable.tail()

    again = cluster.run(playbook="rotate_ca")
    assert (again.rc, again.changed_hosts) == (0, {}), again.changed_tasks
    checked = cluster.run(playbook="check_certificates")
    assert checked.rc == 0, checked.tail()
    quiet = cluster.run()
    assert (quiet.rc, quiet.changed_hosts) == (0, {}), quiet.changed_tasks


def test_a_host_left_out_is_refused(cluster: Cluster) -> None:
    wanted = {
        "rotate_ca_made_before": f"{datetime.now(timezone.utc):%Y-%m-%dT%H:%M:%SZ}",
        "kubeops_confirm": "kubernetes",
    }
    run = cluster.run("--limit", "!w2", playbook="rotate_ca", extra=wanted)
    assert run.rc != 0
    assert "leaves out w2" in run.output
    assert run.changed_hosts == {}
