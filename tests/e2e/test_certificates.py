# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates that end within minutes, made so by kubeadm's configuration: reported, renewed, recovered.

A request of the client counts as failed when it is refused, reset, answered with anything but 200, or takes longer than
five seconds; it opens a new connection each time, through the virtual address.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from .cluster import FULL_ONLY, Cluster, PlaybookRun, Probe
from .conftest import own_lab

CONTROL_PLANES = ("cp1", "cp2", "cp3")
NODES = (*CONTROL_PLANES, "w1")
LAYOUT = "cp1:control_plane,cp2:control_plane,cp3:control_plane,w1:workers"
# Long enough to make the cluster and to look at it, short enough to wait for.
LIFETIME = timedelta(minutes=30)
SHORT = {
    "kubeops_kubeadm_extra": {"ClusterConfiguration": {"certificateValidityPeriod": "30m0s"}},
    "kubeops_cluster_signing_duration": "30m",
    "kubeops_kubelet_serving_certificates": True,
}


@pytest.fixture(scope="module")
def short(make_cluster: Callable[[str, str, str], Cluster], version: str) -> Cluster:
    """A cluster whose certificates are valid for half an hour."""
    return make_cluster(own_lab("cert"), version, LAYOUT).created(**SHORT)


def check(
    cluster: Cluster, tmp_path: Path, *options: str, **variables: object
) -> tuple[PlaybookRun, list[dict[str, Any]]]:
    """Run check_certificates; return the run and the report's certificates."""
    dest = tmp_path / "report.json"
    dest.unlink(missing_ok=True)
    extra = {"check_certificates_dest": str(dest), **variables}
    run = cluster.run(*options, playbook="check_certificates", extra=extra)
    return run, json.loads(dest.read_text())["certificates"] if dest.exists() else []


def reasons(rows: list[dict[str, Any]]) -> set[tuple[str, str, str]]:
    """(host, name, reason's id) of everything that is not ok."""
    return {(row["host"], row["name"], reason["id"]) for row in rows for reason in row["reasons"]}


def renew(cluster: Cluster, *options: str, **variables: object) -> tuple[PlaybookRun, Probe]:
    """Renew under a client of the virtual address."""
    host, port = str(cluster.inventory_vars()["kubeops_endpoint"]).rsplit(":", 1)
    with Probe(host, int(port), of=cluster).running() as probe:
        run = cluster.run(*options, playbook="renew_certificates", extra=variables)
    print(
        f"renewed {cluster.version} in {run.seconds:.0f} s: {len(probe.failures)} of {probe.requests} requests failed, "
        f"slowest {probe.slowest:.2f} s"
    )
    return run, probe


def serials(rows: list[dict[str, Any]]) -> dict[tuple[str, str], str]:
    """What each API server and etcd member serves."""
    served = [(row, one) for row in rows for one in row["served"] if row["managed_by"] == "kubeadm"]
    return {(row["host"], one["endpoint"]): one["serial"] for row, one in served}


def test_everything_renewed_while_the_api_answers(cluster: Cluster, tmp_path: Path) -> None:
    before = check(cluster, tmp_path)[1]
    copy, brought = "/root/.kube/owned.conf", tmp_path / "admin.conf"
    cluster.sh("cp2", f"mkdir -p /root/.kube && cp /etc/kubernetes/admin.conf {copy}")
    old = cluster.sh("cp2", f"cat {copy}")
    run, probe = renew(
        cluster,
        renew_certificates_select="all",
        renew_certificates_kubeconfigs=[copy],
        renew_certificates_kubeconfig_dest=str(brought),
    )
    assert run.rc == 0, run.tail()
    assert not probe.failures, probe.failures
    assert cluster.sh("cp2", f"cat {copy}") != old
    assert "cp2" in cluster.sh("cp2", f"kubectl --kubeconfig {copy} get nodes -o name")
    assert brought.read_text() in [cluster.sh(node, "cat /etc/kubernetes/admin.conf") for node in CONTROL_PLANES]
    after_run, after = check(cluster, tmp_path)
    assert after_run.rc == 0, after_run.tail()
    assert serials(before).keys() == serials(after).keys()
    assert not {at for at, serial in serials(before).items() if serials(after)[at] == serial}
    again = cluster.run(playbook="renew_certificates")
    assert (again.rc, again.changed_hosts) == (0, {}), again.tail()


@FULL_ONLY
def test_an_expiry_that_comes_near_is_reported_and_renewed(short: Cluster, tmp_path: Path) -> None:
    run, rows = check(short, tmp_path, check_certificates_warning="30m", check_certificates_critical="1m")
    assert run.rc != 0, run.tail()
    near = {(host, name) for host, name, reason in reasons(rows) if reason == "expires_soon"}
    assert {(node, name) for node in CONTROL_PLANES for name in ("apiserver", "etcd-peer", "scheduler.conf")} <= near
    run, probe = renew(short, renew_certificates_before="30m", renew_certificates_valid_for="40m")
    assert run.rc == 0, run.tail()
    assert set(run.changed_hosts) == set(CONTROL_PLANES)
    assert not probe.failures, probe.failures
    run, rows = check(short, tmp_path)
    assert run.rc == 0, run.tail()


@FULL_ONLY
def test_the_backup_is_put_back(short: Cluster, tmp_path: Path) -> None:
    archive = short.sh("cp1", "ls -t /var/lib/kubeops/backups/pki/*.tar.gz | head -1").strip()
    before = short.sh("cp1", "sha256sum /etc/kubernetes/pki/apiserver.crt")
    theirs = short.sh("cp2", "base64 -w0 $(ls -t /var/lib/kubeops/backups/pki/*.tar.gz | head -1)").strip()
    short.sh("cp1", f"echo {theirs} | base64 -d > /root/theirs.tar.gz")
    foreign = {"renew_certificates_restore": "/root/theirs.tar.gz"}
    refused = short.run("--check", "--limit", "cp1", playbook="renew_certificates", extra=foreign)
    assert refused.rc != 0 and "it is another node's" in refused.output, refused.tail()
    run, probe = renew(short, "--limit", "cp1", renew_certificates_restore=archive)
    assert run.rc == 0, run.tail()
    assert not probe.failures, probe.failures
    assert "Not renewed in this run: cp2, cp3" in run.output
    assert short.sh("cp1", "sha256sum /etc/kubernetes/pki/apiserver.crt") != before
    again = short.run("--limit", "cp1", playbook="renew_certificates", extra={"renew_certificates_restore": archive})
    assert (again.rc, again.changed_hosts) == (0, {}), again.tail()
    # No component reads it again; what tells the key of then from that of now is the file alone.
    short.sh("cp1", "cp -p /etc/kubernetes/pki/sa.pub /root/ && echo >> /etc/kubernetes/pki/sa.pub")
    older = {"renew_certificates_restore": archive}
    replaced = short.run("--check", "--limit", "cp1", playbook="renew_certificates", extra=older)
    short.sh("cp1", "mv /root/sa.pub /etc/kubernetes/pki/sa.pub")
    assert replaced.rc != 0 and "key for service accounts" in replaced.output, replaced.tail()


@FULL_ONLY
def test_renewed_on_disk_but_not_restarted(short: Cluster, tmp_path: Path) -> None:
    """By kubeadm alone, as a cron job does. The API server takes its file up itself, the scheduler does not."""
    old = short.sh("cp2", "cat /etc/kubernetes/scheduler.conf /etc/kubernetes/pki/apiserver.crt")
    short.sh("cp2", "kubeadm certs renew scheduler.conf && kubeadm certs renew apiserver")
    new = short.sh("cp2", "cat /etc/kubernetes/scheduler.conf /etc/kubernetes/pki/apiserver.crt")
    assert new != old
    run, rows = check(short, tmp_path)
    assert run.rc != 0, run.tail()
    late = {("cp2", "apiserver", "served_differs")}  # up to a minute, where it missed the change
    assert reasons(rows) - late == {("cp2", "scheduler.conf", "not_restarted")}
    # Nothing is due; what missed a renewal restarts all the same, and every port has to serve what is on disk.
    run = short.run(playbook="renew_certificates", extra={"renew_certificates_before": "1m"})
    assert (run.rc, set(run.changed_hosts)) == (0, {"cp2"}), run.tail()
    run, rows = check(short, tmp_path)
    assert run.rc == 0, run.tail()
    assert short.sh("cp2", "cat /etc/kubernetes/scheduler.conf /etc/kubernetes/pki/apiserver.crt") == new


# Until the end of one check. What the API server takes up of it meanwhile concerns new connections alone, and it keeps
# the pair that it has instead of one that does not fit.
SPOILED = """
set -e
cp -a /etc/kubernetes/pki /root/pki
cd /etc/kubernetes/pki
openssl ecparam -name prime256v1 -genkey -noout -out front-proxy-client.key
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=etcd-ca -keyout /root/other.key -out /root/other.crt
openssl req -newkey rsa:2048 -nodes -subj /CN=kube-etcd-healthcheck-client -keyout etcd/healthcheck-client.key \
  -out /root/other.csr
printf 'extendedKeyUsage=clientAuth' > /root/other.ext
openssl x509 -req -days 1 -in /root/other.csr -CA /root/other.crt -CAkey /root/other.key -CAcreateserial \
  -extfile /root/other.ext -out etcd/healthcheck-client.crt
for part in crt key; do
  cp /root/pki/apiserver-etcd-client.$part apiserver-kubelet-client.$part
  cp /root/pki/apiserver-kubelet-client.$part apiserver-etcd-client.$part
done
chmod 0644 apiserver.key
"""
SAID = {
    "front-proxy-client": "key_mismatch",
    "etcd-healthcheck-client": "wrong_ca",
    "apiserver-etcd-client": "wrong_ca",
    "apiserver-kubelet-client": "wrong_ca",
}
RESTORED = "cp -a /root/pki/. /etc/kubernetes/pki/ && rm -rf /root/pki /root/other.*"


@FULL_ONLY
def test_each_defect_is_reported_by_name(short: Cluster, tmp_path: Path) -> None:
    """Wrong key, wrong CA, swapped files, a name that came since, a key that everybody can read."""
    came = {"kubeops_api_server_extra_sans": ["api.moved.example.com"]}
    try:
        short.sh("cp3", SPOILED)
        run, rows = check(short, tmp_path, "--limit", "cp3", **came)
    finally:
        short.sh("cp3", RESTORED)
    assert run.rc != 0, run.tail()
    seen = reasons(rows)
    assert {("cp3", name, reason) for name, reason in SAID.items()} <= seen
    assert {("cp3", "apiserver", "san_missing"), ("cp3", "apiserver", "world_readable")} <= seen
    said = " ".join(reason["message"] for row in rows for reason in row["reasons"])
    assert "api.moved.example.com" in said and "/etc/kubernetes/pki/apiserver.key has mode 0644" in said
    # Nothing else is wrong, and each was named for what it is.
    assert {name for __, name, __ in seen} == {*SAID, "apiserver"}, seen
    run, rows = check(short, tmp_path, "--limit", "cp3")
    assert run.rc == 0, (run.tail(), reasons(rows))
    short.assert_healthy(NODES)


@FULL_ONLY
def test_a_missing_manifest_and_a_missing_certificate(short: Cluster, tmp_path: Path) -> None:
    count = len(check(short, tmp_path, "--limit", "cp3")[1])
    short.sh("cp3", "mv /etc/kubernetes/manifests/kube-scheduler.yaml /root/")
    run, rows = check(short, tmp_path, "--limit", "cp3")
    assert run.rc != 0, run.tail()
    assert ("cp3", "kube-scheduler.yaml", "manifest_missing") in reasons(rows)
    assert len(rows) >= count
    refused = short.run("--limit", "cp3", playbook="renew_certificates", extra={"renew_certificates_select": "all"})
    assert refused.rc != 0 and "kube-scheduler" in refused.output, refused.tail()
    short.sh("cp3", "mv /root/kube-scheduler.yaml /etc/kubernetes/manifests/")

    short.sh("cp3", "mv /etc/kubernetes/pki/front-proxy-client.crt /root/")
    refused = short.run("--limit", "cp3", playbook="renew_certificates", extra={"renew_certificates_before": "1m"})
    assert refused.rc != 0 and "front-proxy-client.crt is missing" in refused.output, refused.tail()
    short.sh("cp3", "mv /root/front-proxy-client.crt /etc/kubernetes/pki/")

    short.sh("cp3", "mv /etc/kubernetes/pki/front-proxy-client.key /root/")
    soon = {"renew_certificates_before": "1m", "renew_certificates_valid_for": "40m"}
    run = short.run("--limit", "cp3", playbook="renew_certificates", extra=soon)
    assert (run.rc, set(run.changed_hosts)) == (0, {"cp3"}), run.tail()
    assert "front-proxy-client" not in {name for __, name, __ in reasons(check(short, tmp_path, "--limit", "cp3")[1])}

    short.sh("cp3", "mv /etc/kubernetes/pki/ca.key /root/")
    refused = short.run("--limit", "cp3", playbook="renew_certificates", extra={"renew_certificates_select": "all"})
    assert refused.rc != 0 and "certificate_externally_managed" in refused.output, refused.tail()
    short.sh("cp3", "mv /root/ca.key /etc/kubernetes/pki/")


@FULL_ONLY
def test_what_a_host_of_the_inventory_has_to_be_is_looked_for(short: Cluster, tmp_path: Path) -> None:
    """A worker without a kubeconfig, and one that shows an administrator's certificate."""
    short.sh("w1", "mv /etc/kubernetes/kubelet.conf /root/")
    try:
        run, rows = check(short, tmp_path, "--limit", "w1")
    finally:
        short.sh("w1", "mv /root/kubelet.conf /etc/kubernetes/")
    assert run.rc != 0, run.tail()
    assert ("w1", "kubelet.conf", "missing") in reasons(rows)
    client = "/var/lib/kubelet/pki/kubelet-client-current.pem"
    admin = short.sh("cp1", "cat /etc/kubernetes/pki/apiserver-kubelet-client.crt")
    short.sh("w1", f"mv {client} /root/; echo '{admin}' > /root/other.pem; ln -s /root/other.pem {client}")
    try:
        run, rows = check(short, tmp_path, "--limit", "w1")
    finally:
        short.sh("w1", f"rm {client}; mv /root/kubelet-client-current.pem {client}; rm /root/other.pem")
    assert run.rc != 0, run.tail()
    assert ("w1", "kubelet-client", "wrong_user") in reasons(rows)
    run, rows = check(short, tmp_path, "--limit", "w1")
    assert run.rc == 0, run.tail()


@FULL_ONLY
def test_kubelets_serve_certificates_of_the_cluster(short: Cluster, tmp_path: Path) -> None:
    rows = check(short, tmp_path)[1]
    serving = {row["host"]: row for row in rows if row["name"] == "kubelet-server"}
    assert set(serving) == set(NODES)
    assert {row["certificate"]["issuer"] for row in serving.values()} == {"CN=kubernetes"}
    assert all(one["matches"] for row in serving.values() for one in row["served"])
    proxy = short.kubectl("cp1", "-n kube-system get pods -l k8s-app=kube-proxy -o name").split()[0]
    assert short.kubectl("cp1", f"-n kube-system logs {proxy} --tail 1")
    assert short.version in short.kubectl("cp1", f"-n kube-system exec {proxy} -- kube-proxy --version")


@FULL_ONLY
def test_a_request_for_another_name_is_refused(short: Cluster) -> None:
    """A node that was taken over asks, as its own kubelet, for a name that is not its own."""
    short.sh("w1", FOREIGN_REQUEST)
    run = short.run(playbook="approve_kubelet_certificates")
    assert run.rc != 0, run.tail()
    assert "the inventory does not have kubernetes.default" in run.output
    assert "Approved" not in short.kubectl("cp1", "get csr foreign")
    short.kubectl("cp1", "delete csr foreign")
    run = short.run(playbook="approve_kubelet_certificates")
    assert run.rc == 0, run.tail()


@FULL_ONLY
def test_a_silent_kubelet_keeps_no_other_from_its_certificate(short: Cluster) -> None:
    serving = "/var/lib/kubelet/pki/kubelet-server-current.pem"
    short.sh("cp2", "systemctl stop kubelet")
    try:
        short.sh("w1", f"rm {serving} && systemctl restart kubelet")
        run = short.run(playbook="approve_kubelet_certificates")
        assert run.rc != 0, run.tail()
        assert "1 of 4 kubelets do not serve" in " ".join(run.output.split())
        assert "cp2: it serves no certificate of the cluster" in " ".join(run.output.split())
        assert short.sh("w1", f"ls {serving}").strip() == serving
    finally:
        short.sh("cp2", "systemctl start kubelet")
    run = short.run(playbook="approve_kubelet_certificates")
    assert run.rc == 0, run.tail()


FOREIGN_REQUEST = """
openssl req -new -newkey rsa:2048 -nodes -keyout /dev/null -subj /O=system:nodes/CN=system:node:w1 \
  -addext subjectAltName=DNS:w1,DNS:kubernetes.default 2>/dev/null > /tmp/foreign.csr
cat > /tmp/foreign.yaml <<END
apiVersion: certificates.k8s.io/v1
kind: CertificateSigningRequest
metadata: {name: foreign}
spec:
  signerName: kubernetes.io/kubelet-serving
  usages: [digital signature, key encipherment, server auth]
  request: $(base64 -w0 /tmp/foreign.csr)
END
kubectl --kubeconfig /etc/kubernetes/kubelet.conf create -f /tmp/foreign.yaml
"""


@FULL_ONLY
def test_a_kubelet_that_did_not_rotate_is_repaired(short: Cluster) -> None:
    short.sh("w1", "systemctl stop kubelet; rm /var/lib/kubelet/pki/kubelet-client-*; systemctl start kubelet")
    started = time.monotonic()
    # Short too, since the last test waits until it is over.
    run = short.run("--limit", "w1", playbook="recover_certificates", extra={"kubelet_client_valid_for": "20m"})
    print(f"kubelet repaired in {time.monotonic() - started:.0f} s")
    assert run.rc == 0, run.tail()
    short.assert_healthy(NODES)
    again = short.run("--limit", "w1", playbook="recover_certificates")
    assert (again.rc, again.changed_hosts) == (0, {}), again.tail()


def content(cluster: Cluster) -> dict[str, list[str]]:
    """Names of what users keep in the cluster."""
    kinds = ("configmaps", "secrets", "deployments", "serviceaccounts", "nodes")
    return {kind: sorted(cluster.kubectl("cp1", f"get {kind} -A -o name").split()) for kind in kinds}


@FULL_ONLY
def test_everything_expired_on_every_node(short: Cluster, tmp_path: Path) -> None:
    """Powered off until all is over, workers' kubelets included; kubelets do not even start then."""
    short.kubectl("cp1", "create configmap kept --from-literal=a=b")
    before = content(short)
    rows = check(short, tmp_path)[1]
    # What is only served, a component makes for itself at each start.
    kept = [row for row in rows if row["certificate"] and not row["certificate"]["is_ca"] and row["form"] != "served"]
    last = max(map(ends, kept))
    short.lab("stop", "--id", short.lab_id, "--all")
    time.sleep(max(0.0, (last - datetime.now(timezone.utc)).total_seconds()) + 5)
    short.lab("start", "--id", short.lab_id, "--all")
    run, rows = check(short, tmp_path)
    assert run.rc != 0, run.tail()
    over = {(row["host"], row["name"]) for row in rows if row["verdict"] == "expired"}
    assert {(node, name) for node in CONTROL_PLANES for name in ("apiserver", "etcd-peer", "admin.conf")} <= over
    assert {(node, "kubelet-client") for node in NODES} <= over

    refused = short.run("--check", playbook="renew_certificates")
    assert refused.rc != 0 and "recover_certificates" in refused.output, refused.tail()

    run = short.run(playbook="recover_certificates")
    print(f"{short.version}: {len(over)} expired, recovered in {run.seconds:.0f} s")
    assert run.rc == 0, run.tail()
    short.assert_healthy(NODES)
    assert content(short) == before
    again = short.run(playbook="recover_certificates")
    assert (again.rc, again.changed_hosts) == (0, {}), again.tail()


def ends(row: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(row["certificate"]["not_after"].replace("Z", "+00:00"))
