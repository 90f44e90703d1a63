# SPDX-License-Identifier: GPL-3.0-or-later
"""Kubeconfigs for people, and control planes whose CA's key is kept elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path

from ansible_collections.kubeops.cluster.plugins.module_utils._x509 import issue

from .cluster import FULL_ONLY, Cluster

pytestmark = FULL_ONLY

PKI = "/etc/kubernetes/pki"
CAS = ("ca", "etcd/ca", "front-proxy-ca")
CONTROL_PLANES = ("cp1", "cp2", "cp3")
NODES = (*CONTROL_PLANES, "w1", "w2")
SIGNERS = {"etcd-server": "etcd/ca", "etcd-peer": "etcd/ca", "etcd-healthcheck-client": "etcd/ca",
           "apiserver-etcd-client": "etcd/ca", "front-proxy-client": "front-proxy-ca"}  # fmt: skip


def test_a_person_may_what_was_bound_and_no_more(cluster: Cluster, tmp_path: Path) -> None:
    kubeconfig = tmp_path / "jane.conf"

    def as_user(arguments: str) -> str:
        """On a node, as not every controller has a kubectl."""
        theirs = f"umask 077; cat > /run/jane.conf <<'END'\n{kubeconfig.read_text()}\nEND\n"
        return cluster.sh("cp1", f"{theirs}kubectl --kubeconfig=/run/jane.conf {arguments} 2>&1", check=False)

    wanted = {
        "issue_kubeconfig_user": "jane",
        "issue_kubeconfig_dest": str(kubeconfig),
        "issue_kubeconfig_bindings": [{"cluster_role": "view", "namespace": "default"}],
    }
    run = cluster.run("-vvv", playbook="issue_kubeconfig", extra=wanted)
    assert run.rc == 0, run.tail()
    key = next(line.split()[1] for line in kubeconfig.read_text().splitlines() if "client-key-data" in line)
    assert key not in run.output
    assert kubeconfig.stat().st_mode & 0o777 == 0o600
    assert "Forbidden" not in as_user("get pods")
    assert "Forbidden" in as_user("get nodes")
    again = cluster.run(playbook="issue_kubeconfig", extra=wanted)
    assert (again.rc, again.changed_hosts) == (0, {}), again.tail()

    # Another user whose name begins with this one's keeps its rights through all that follows.
    other = {**wanted, "issue_kubeconfig_user": "jane:ci", "issue_kubeconfig_dest": str(tmp_path / "ci.conf")}
    assert cluster.run(playbook="issue_kubeconfig", extra=other).rc == 0
    less = {**wanted, "issue_kubeconfig_bindings": [{"cluster_role": "edit", "namespace": "kube-public"}]}
    changed = cluster.run(playbook="issue_kubeconfig", extra=less)
    assert changed.rc == 0, changed.tail()
    assert "Forbidden" in as_user("get pods")
    assert "Forbidden" not in as_user("-n kube-public get pods")

    masters = cluster.run(playbook="issue_kubeconfig", extra={**wanted, "issue_kubeconfig_groups": ["system:masters"]})
    assert masters.rc != 0
    assert "reserved" in masters.output

    gone = cluster.run(playbook="issue_kubeconfig", extra={**wanted, "issue_kubeconfig_state": "absent"})
    assert gone.rc == 0, gone.tail()
    assert not kubeconfig.exists()
    bound = cluster.kubectl("cp1", "get rolebindings -A -o name")
    assert "kubeops:user:jane:clusterrole" not in bound
    assert "kubeops:user:jane:ci:clusterrole:view" in bound
    gone = cluster.run(playbook="issue_kubeconfig", extra={**other, "issue_kubeconfig_state": "absent"})
    assert gone.rc == 0, gone.tail()


def sign(requests: Path, authorities: dict[str, tuple[bytes, bytes]], wrong: str = "") -> None:
    """What the holder of the CA does; the wrong one is signed by another CA."""
    for path in requests.glob("*.csr"):
        name = "etcd/ca" if path.stem == wrong else SIGNERS.get(path.stem, "ca")
        csr, now = path.read_bytes(), datetime.now(timezone.utc)
        certificate = issue.sign(csr, issue.leaf_of_csr(csr), *authorities[name], now, timedelta(days=200))
        path.with_suffix(".crt").write_bytes(certificate)


Authorities = dict[str, tuple[bytes, bytes]]


@contextmanager
def kept_elsewhere(cluster: Cluster, *nodes: str) -> Iterator[Authorities]:
    """The CAs of the cluster, whose keys these nodes do without meanwhile."""
    authorities = {}
    for name in CAS:
        pair = [cluster.sh(nodes[0], f"cat {PKI}/{name}.{part}").encode() for part in ("crt", "key")]
        authorities[name] = (pair[0], pair[1])
    keys = [(node, f"{PKI}/{name}") for node in nodes for name in CAS]
    for node, path in keys:
        cluster.sh(node, f"mv {path}.key {path}.away")
    try:
        yield authorities
    finally:
        for node, path in keys:
            cluster.sh(node, f"mv {path}.away {path}.key")


def test_certificates_of_a_ca_kept_elsewhere(cluster: Cluster, tmp_path: Path) -> None:
    wanted: dict[str, object] = {"external_ca_directory": str(tmp_path), "external_ca_select": "all"}
    with kept_elsewhere(cluster, "cp2") as authorities:
        asked = cluster.run("--limit", "cp2", playbook="external_ca", extra=wanted)
        assert asked.rc == 0, asked.tail()
        served = cluster.sh("cp2", f"sha256sum {PKI}/apiserver.crt")

        wanted["external_ca_state"] = "installed"
        sign(tmp_path / "cp2", authorities, wrong="apiserver")
        refused = cluster.run("--limit", "cp2", playbook="external_ca", extra=wanted)
        assert refused.rc != 0
        assert "apiserver: CN=etcd-ca signed it" in " ".join(refused.output.split())
        assert cluster.sh("cp2", f"sha256sum {PKI}/apiserver.crt") == served

        sign(tmp_path / "cp2", authorities)
        run = cluster.run("--limit", "cp2", playbook="external_ca", extra=wanted)
        assert run.rc == 0, run.tail()
        assert cluster.sh("cp2", f"sha256sum {PKI}/apiserver.crt") != served
        again = cluster.run("--limit", "cp2", playbook="external_ca", extra=wanted)
        assert (again.rc, again.changed_hosts) == (0, {}), again.tail()
    cluster.assert_healthy(NODES)


def shorten(cluster: Cluster, node: str, file: str, authority: tuple[bytes, bytes], seconds: int) -> None:
    """Give a key of a node another certificate, which ends soon."""
    key, certificate = (cluster.sh(node, f"cat {PKI}/{file}.{part}").encode() for part in ("key", "crt"))
    csr, now = issue.make_csr(key, issue.leaf_of(certificate)), datetime.now(timezone.utc)
    short = issue.sign(csr, issue.leaf_of(certificate), *authority, now, timedelta(seconds=seconds))
    cluster.sh(node, f"cat > {PKI}/{file}.crt <<'END'\n{short.decode()}END")


def test_a_cluster_of_a_ca_kept_elsewhere_has_wholly_ended(cluster: Cluster, tmp_path: Path) -> None:
    """etcd and API servers are down: requests of all control planes at once, certificates in at once."""
    files = {"apiserver": "ca", "etcd/server": "etcd/ca", "etcd/peer": "etcd/ca", "apiserver-etcd-client": "etcd/ca"}
    with kept_elsewhere(cluster, *CONTROL_PLANES) as authorities:
        for node in CONTROL_PLANES:
            for file, authority in files.items():
                shorten(cluster, node, file, authorities[authority], seconds=60)
        time.sleep(60)
        for node in CONTROL_PLANES:
            cluster.sh(node, "pkill -KILL -x etcd; pkill -KILL -x kube-apiserver; true")
        wanted = {"external_ca_directory": str(tmp_path), "external_ca_api_required": False}
        asked = cluster.run(playbook="external_ca", extra=wanted)
        assert asked.rc == 0, asked.tail()
        for node in CONTROL_PLANES:
            assert {path.stem for path in (tmp_path / node).glob("*.csr")} >= {"apiserver", "etcd-server", "etcd-peer"}
            sign(tmp_path / node, authorities)
        run = cluster.run(playbook="external_ca", extra={**wanted, "external_ca_state": "installed"})
        assert run.rc == 0, run.tail()
        print(f"installed in {run.seconds:.0f} s")
        again = cluster.run(playbook="external_ca", extra={**wanted, "external_ca_state": "installed"})
        assert (again.rc, again.changed_hosts) == (0, {}), again.tail()
    cluster.assert_healthy(NODES)
