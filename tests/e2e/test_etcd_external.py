# SPDX-License-Identifier: GPL-3.0-or-later
"""etcd on hosts of its own: made by one inventory, upgraded under quorum, a member replaced, data lost and restored."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from .cluster import BUNDLE, FULL_ONLY, Cluster, Probe
from .conftest import bundle_versions, own_lab
from .etcd_gateway import EXTERNAL, ask, assert_same_content

pytestmark = FULL_ONLY

MEMBERS = ("e1", "e2", "e3")
NODES = "e1:etcd,e2:etcd,e3:etcd,cp1:control_plane,cp2:control_plane,w1:workers"


@pytest.fixture(scope="module")
def external(make_cluster: Callable[[str, str, str], Cluster], version: str) -> Cluster:
    """With the oldest etcd of the bundle, so that there is one to come."""
    return make_cluster(own_lab("etcd"), version, NODES).created(etcd_kubernetes_version=bundle_versions()[0])


def bundled_etcd(kubernetes: str) -> str:
    """Version of the etcd that the bundle has for a Kubernetes."""
    files = json.loads((BUNDLE / "manifest.json").read_text())["files"]
    (found,) = {
        file["version"].lstrip("v")
        for file in files
        if (file["kind"], file["name"]) == ("tool", "etcd") and f"v{kubernetes}" in file["kubernetes"]
    }
    return str(found)


def running_versions(cluster: Cluster) -> list[str]:
    """What every member says of itself, in their order."""
    return [str(ask(cluster, host, EXTERNAL, "/v3/maintenance/status")["version"]) for host in MEMBERS]


def times_away(cluster: Cluster) -> list[tuple[int, int]]:
    """From when to when each member was away for its last restart, the earliest first: nodes share one clock."""
    names = ("ActiveExitTimestampMonotonic", "ActiveEnterTimestampMonotonic")
    command = f"systemctl show etcd --property {','.join(names)}"
    shown = [dict(line.split("=", 1) for line in cluster.sh(host, command).split()) for host in MEMBERS]
    return sorted((int(each[names[0]]), int(each[names[1]])) for each in shown)


def voters(cluster: Cluster, host: str) -> dict[str, str]:
    """Name -> id of the voting members, as a quorum has them."""
    members = ask(cluster, host, EXTERNAL, "/v3/cluster/member/list", '{"linearizable": true}')["members"]
    assert isinstance(members, list)
    return {entry["name"]: entry["ID"] for entry in members if not entry.get("isLearner")}


def test_the_api_runs_on_it_and_a_second_run_is_quiet(external: Cluster) -> None:
    assert sorted(voters(external, "e2")) == list(MEMBERS)
    assert external.sh("cp1", "ls /etc/kubernetes/manifests").split() == [
        "kube-apiserver.yaml", "kube-controller-manager.yaml", "kube-scheduler.yaml",
    ]  # fmt: skip
    external.assert_healthy(["cp1", "cp2", "w1"])
    again = external.run()
    assert (again.rc, again.changed_hosts) == (0, {}), again.changed_tasks


def test_an_upgrade_under_writes_takes_one_member_at_a_time(external: Cluster, version: str) -> None:
    older, newer = bundled_etcd(bundle_versions()[0]), bundled_etcd(version)
    if older == newer:
        pytest.skip(f"the bundle has no older etcd than {newer}")
    assert running_versions(external) == [older] * 3
    before = voters(external, "e1")
    external.extra_vars["etcd_kubernetes_version"] = version
    host, port = str(external.inventory_vars()["kubeops_endpoint"]).rsplit(":", 1)
    probe = Probe(host, int(port), of=external, writes=True)
    with probe.running():
        run = external.run("--limit", "etcd")
    print(
        f"etcd {older} to {newer} in {run.seconds:.1f} s; {len(probe.failures)} of {probe.requests} requests failed, "
        f"{probe.failed_in_a_row} in a row at most, longest outage {probe.longest_outage:.2f} s"
    )
    assert run.rc == 0, run.tail()
    assert set(run.changed_hosts) == set(MEMBERS), run.changed_tasks
    assert probe.failed_in_a_row < 2, probe.failures
    assert running_versions(external) == [newer] * 3
    assert voters(external, "e1") == before
    away = times_away(external)
    assert all(one[1] <= other[0] for one, other in pairwise(away)), away
    assert_same_content(external, MEMBERS, EXTERNAL)
    external.assert_healthy(["cp1", "cp2", "w1"])
    again = external.run("--limit", "etcd")
    assert (again.rc, again.changed_hosts) == (0, {}), again.changed_tasks


def test_recovery_reissues_what_members_and_api_server_use(external: Cluster) -> None:
    """Certificates of etcd are gone, as if they had ended, and no API server starts without its own."""
    client = "/etc/kubernetes/kubeops/external-etcd/client.crt"
    external.sh("e1", "rm /etc/etcd/pki/server.crt")
    external.sh("cp1", f"rm {client} && crictl stop --timeout 5 $(crictl ps -q --name kube-apiserver)")
    run = external.run(playbook="recover_certificates")
    assert run.rc == 0, run.tail()
    assert {"e1", "cp1"} <= set(run.changed_hosts), run.changed_tasks
    external.assert_healthy(["cp1", "cp2", "w1"])
    assert sorted(voters(external, "e1")) == list(MEMBERS)
    again = external.run(playbook="recover_certificates")
    assert (again.rc, again.changed_hosts) == (0, {}), again.changed_tasks


def test_the_host_of_the_ca_is_lost_and_no_second_ca_is_made(external: Cluster) -> None:
    pki = "/etc/etcd/pki"
    external.sh("e1", f"mv {pki} /root/pki")
    refused = external.run("--limit", "etcd")
    assert refused.rc != 0 and "this host does not hold the CA" in refused.output, refused.tail()
    external.sh("e1", f"test ! -e {pki}/ca.crt && mkdir -p {pki} && cp -p /root/pki/ca.* {pki}/")
    run = external.run("--limit", "etcd")
    assert run.rc == 0, run.tail()
    assert set(run.changed_hosts) == {"e1"}, run.changed_tasks
    assert sorted(voters(external, "e1")) == list(MEMBERS)


def test_renewal_includes_the_members(external: Cluster) -> None:
    external.sh("e2", "rm /etc/etcd/pki/server.crt")
    run = external.run(playbook="renew_certificates")
    assert (run.rc, set(run.changed_hosts)) == (0, {"e2"}), run.tail()
    assert sorted(voters(external, "e2")) == list(MEMBERS)
    again = external.run(playbook="renew_certificates")
    assert (again.rc, again.changed_hosts) == (0, {}), again.changed_tasks


def test_changed_settings_are_a_rolling_restart_that_keeps_every_id(external: Cluster) -> None:
    before = voters(external, "e1")
    external.extra_vars["etcd_settings"] = {"ETCD_SNAPSHOT_COUNT": "20000"}
    run = external.run("--limit", "etcd")
    assert run.rc == 0, run.tail()
    assert set(run.changed_hosts) == set(MEMBERS), run.changed_tasks
    assert voters(external, "e1") == before
    external.assert_healthy(["cp1", "cp2", "w1"])


def test_a_member_without_its_disk_stays_down_until_it_is_replaced(external: Cluster) -> None:
    before = voters(external, "e1")
    external.kubectl("cp1", "create configmap before-the-loss --from-literal=a=b")
    # Under its old id, without its votes, it would make the others wait for what it has forgotten.
    external.sh("e3", "systemctl stop etcd && rm -rf /var/lib/etcd/member")
    assert "failed" in external.sh("e3", "systemctl start etcd 2>&1 || echo failed")

    refused = external.run("--limit", "etcd")
    assert refused.rc != 0, refused.tail()
    assert "etcd_lost_data" in refused.output, refused.tail()

    unconfirmed = external.run(playbook="rescue_etcd", extra={"member": "e3"})
    assert unconfirmed.rc != 0, unconfirmed.tail()
    assert voters(external, "e1") == before

    name = external.extra_vars.get("kubeops_cluster_name", "kubernetes")
    run = external.run(playbook="rescue_etcd", extra={"member": "e3", "kubeops_confirm": name})
    assert run.rc == 0, run.tail()
    print(f"the member was replaced in {run.seconds:.1f} s")
    after = voters(external, "e1")
    assert sorted(after) == list(MEMBERS)
    assert after["e3"] != before["e3"]
    assert "before-the-loss" in external.kubectl("cp1", "get configmaps -o name")
    assert_same_content(external, MEMBERS, EXTERNAL)


def test_no_empty_cluster_begins_where_all_disks_are_away(external: Cluster) -> None:
    external.kubectl("cp1", "create configmap on-the-disks")
    for host in MEMBERS:
        external.sh(host, "systemctl stop etcd && mv /var/lib/etcd/member /root/")
    for options in ((), ("--limit", "etcd")):
        refused = external.run(*options)
        assert refused.rc != 0, refused.tail()
        assert "Refused by rule etcd_data_gone" in refused.refusals, refused.tail()
        assert refused.changed_hosts == {}, refused.changed_tasks
    for host in MEMBERS:
        external.sh(host, "test ! -e /var/lib/etcd/member && mv /root/member /var/lib/etcd/")
        external.sh(host, "systemctl start --no-block etcd")
    external.sh("e1", "systemctl start etcd")
    run = external.run("--limit", "etcd")
    assert run.rc == 0, run.tail()
    ready = "kubectl --kubeconfig /etc/kubernetes/admin.conf get --raw /readyz"
    external.sh("cp1", f"timeout 300 bash -c 'until {ready}; do sleep 2; done'")
    external.kubectl("cp1", "wait --for=condition=Ready nodes --all --timeout=120s")
    external.kubectl("cp1", "get configmap on-the-disks")


def test_the_whole_cluster_back_to_a_snapshot(external: Cluster, tmp_path: Path) -> None:
    external.kubectl("cp1", "create configmap in-the-snapshot")
    run = external.run(playbook="backup_etcd", extra={"etcd_backup_controller_directory": str(tmp_path)})
    assert run.rc == 0, run.tail()
    external.kubectl("cp1", "create configmap after-the-snapshot")
    name = external.extra_vars.get("kubeops_cluster_name", "kubernetes")
    asked = {"kubeops_confirm": name, "etcd_restore_snapshot": str(next(tmp_path.glob("*.db")))}
    # No member has a program that can restore: known before anything stops.
    refused = external.run(playbook="restore_etcd", extra={**asked, "etcd_restore_bin_dir": "/nowhere"})
    assert refused.rc != 0 and "etcdutl of etcd is not on this node" in refused.output, refused.tail()
    external.kubectl("cp1", "get configmap after-the-snapshot")
    run = external.run(playbook="restore_etcd", extra=asked)
    assert run.rc == 0, run.tail()
    there = external.kubectl("cp1", "get configmaps -o name")
    assert "in-the-snapshot" in there and "after-the-snapshot" not in there
    assert_same_content(external, MEMBERS, EXTERNAL)
    external.assert_healthy(["cp1", "cp2", "w1"])


def test_two_of_three_members_lose_their_data(external: Cluster, tmp_path: Path) -> None:
    external.kubectl("cp1", "create configmap before-the-disaster")
    for host in ("e2", "e3"):
        external.sh(host, "systemctl kill --signal=KILL etcd; systemctl stop etcd; rm -rf /var/lib/etcd/member")
    name = external.extra_vars.get("kubeops_cluster_name", "kubernetes")
    rescue = {"kubeops_confirm": name, "etcd_rescue_directory": str(tmp_path)}
    foreseen = external.run("--check", "--diff", playbook="rescue_etcd", extra=rescue)
    assert foreseen.rc == 0, foreseen.tail()
    assert not list(tmp_path.iterdir())
    run = external.run(playbook="rescue_etcd", extra=rescue)
    assert run.rc == 0, run.tail()
    print(f"rescued in {run.seconds:.1f} s")
    assert "before-the-disaster" in external.kubectl("cp1", "get configmaps -o name")
    assert_same_content(external, MEMBERS, EXTERNAL)
    external.assert_healthy(["cp1", "cp2", "w1"])
    again = external.run()
    assert (again.rc, again.changed_hosts) == (0, {}), again.changed_tasks
