# SPDX-License-Identifier: GPL-3.0-or-later
"""etcd on the control planes loses two of three disks, or a whole cluster's data, and comes back."""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from .cluster import FULL_ONLY, Cluster, PlaybookRun
from .conftest import own_lab
from .etcd_gateway import STACKED, ask, assert_same_content

pytestmark = FULL_ONLY

CONTROL_PLANES = ("cp1", "cp2", "cp3")
AGNHOST = "registry.k8s.io/e2e-test-images/agnhost:2.53"
NODES = "cp1:control_plane,cp2:control_plane,cp3:control_plane,w1:workers"


@pytest.fixture(scope="module")
def stacked(make_cluster: Callable[[str, str, str], Cluster], version: str) -> Cluster:
    return make_cluster(own_lab("rescue"), version, NODES).created()


@contextmanager
def writer(cluster: Cluster) -> Iterator[list[str]]:
    """Names of the ConfigMaps that the API acknowledged, written one after the other."""
    acknowledged: list[str] = []
    stop = threading.Event()

    def write() -> None:
        number = 0
        while not stop.is_set():
            name = f"written-{number}"
            command = f"kubectl --kubeconfig /etc/kubernetes/admin.conf create configmap {name}"
            if f"{name} created" in cluster.sh("cp1", command, check=False):
                acknowledged.append(name)
            number += 1

    thread = threading.Thread(target=write, daemon=True)
    thread.start()
    try:
        yield acknowledged
    finally:
        stop.set()
        thread.join()


def containers(cluster: Cluster, node: str) -> set[str]:
    """Ids of the running containers of a node; pods of a verification may be about to end."""
    running = json.loads(cluster.sh(node, "crictl ps --output json"))["containers"]
    return {each["id"] for each in running if each["labels"]["io.kubernetes.pod.namespace"] != "kubeops-verify"}


def config_maps(cluster: Cluster) -> set[str]:
    listed = cluster.kubectl("cp1", "get configmaps -o name").split()
    return {name.removeprefix("configmap/") for name in listed}


def revision(cluster: Cluster) -> int:
    """The present revision of etcd."""
    header = ask(cluster, "cp1", STACKED, "/v3/maintenance/status")["header"]
    assert isinstance(header, dict)
    return int(header["revision"])


def crash(cluster: Cluster, *nodes: str) -> None:
    """End etcd without a farewell, and keep the kubelet from starting it again."""
    aside = "/etc/kubernetes/kubeops/stopped"
    for node in nodes:
        cluster.sh(node, f"mkdir -p {aside} && mv /etc/kubernetes/manifests/etcd.yaml {aside}/; pkill -9 -x etcd; true")


def test_two_of_three_disks_lost_under_writes(stacked: Cluster, tmp_path: Path) -> None:
    before = containers(stacked, "w1")
    rescue = {"kubeops_confirm": "kubernetes", "etcd_rescue_directory": str(tmp_path)}
    refused = stacked.run(playbook="rescue_etcd", extra=rescue)
    assert refused.rc != 0 and "etcd has a quorum" in refused.output, refused.tail()
    assert not refused.changed_hosts, refused.changed_tasks
    with writer(stacked) as acknowledged:
        time.sleep(10)
        written = list(acknowledged)
        crash(stacked, "cp2", "cp3")  # a wiped member that starts again may vote, and be filled again by the third
        for node in ("cp2", "cp3"):
            stacked.sh(node, "rm -rf /var/lib/etcd/member")
        time.sleep(5)
    assert written, "nothing was written"
    foreseen = stacked.run("--check", "--diff", playbook="rescue_etcd", extra=rescue)
    assert foreseen.rc == 0, foreseen.tail()
    assert not list(tmp_path.iterdir())
    run = stacked.run(playbook="rescue_etcd", extra=rescue)
    print(f"rescued in {run.seconds:.1f} s; {len(written)} acknowledged writes before the loss")
    assert run.rc == 0, run.tail()
    assert not set(written) - config_maps(stacked)
    assert_same_content(stacked, CONTROL_PLANES, STACKED)
    stacked.assert_healthy([*CONTROL_PLANES, "w1"])
    assert before <= containers(stacked, "w1"), "pods of the worker were restarted"
    again = stacked.run()
    assert again.rc == 0, again.tail()


def start(cluster: Cluster, node: str) -> None:
    """Let the kubelet start what crash ended."""
    cluster.sh(node, "mv /etc/kubernetes/kubeops/stopped/etcd.yaml /etc/kubernetes/manifests/")


def voters(cluster: Cluster, node: str) -> int:
    """How many members a member lists, by itself; 0 where it does not answer."""
    try:
        listed = ask(cluster, node, STACKED, "/v3/cluster/member/list")["members"]
    except (RuntimeError, KeyError, ValueError):  # it does not answer
        return 0
    assert isinstance(listed, list)
    return len(listed)


def wait_for_voters(cluster: Cluster, node: str, count: int) -> None:
    """A kubelet waits up to five minutes before it starts a container again that ended often."""
    deadline = time.monotonic() + 330
    while voters(cluster, node) != count:
        assert time.monotonic() < deadline, f"{node} does not list {count}"
        time.sleep(2)


def test_members_that_run_and_cannot_be_asked_are_no_lost_quorum(stacked: Cluster, tmp_path: Path) -> None:
    client = "/etc/kubernetes/pki/apiserver-etcd-client.crt"
    for node in CONTROL_PLANES:
        stacked.sh(node, f"cp -p {client} /root/client.crt && cp /etc/kubernetes/pki/ca.crt {client}")
    rescue = {"kubeops_confirm": "kubernetes", "etcd_rescue_directory": str(tmp_path)}
    refused = stacked.run(playbook="rescue_etcd", extra=rescue)
    for node in CONTROL_PLANES:
        stacked.sh(node, f"mv /root/client.crt {client}")
    assert refused.rc != 0 and "Nobody knows whether etcd has a quorum" in refused.output, refused.tail()
    assert not refused.changed_hosts, refused.changed_tasks
    stacked.assert_healthy([*CONTROL_PLANES, "w1"])


def test_a_member_that_began_anew_is_no_quorum(stacked: Cluster, tmp_path: Path) -> None:
    """The first member of all starts on an empty disk as kubeadm has written it: as a cluster of its own."""
    stacked.kubectl("cp1", "create configmap on-the-survivor")
    crash(stacked, *CONTROL_PLANES)
    for node in ("cp1", "cp3"):
        stacked.sh(node, "rm -rf /var/lib/etcd/member")
    start(stacked, "cp1")
    wait_for_voters(stacked, "cp1", 1)
    confirmed = {"kubeops_confirm": "kubernetes"}
    one = stacked.run(playbook="rescue_etcd", extra={**confirmed, "member": "cp2"})
    assert one.rc != 0 and "it lists 1 of the 3 voters" in one.output, one.tail()
    assert not one.changed_hosts, one.changed_tasks
    run = stacked.run(playbook="rescue_etcd", extra={**confirmed, "etcd_rescue_directory": str(tmp_path)})
    assert run.rc == 0, run.tail()
    assert "the newest data is of cp2" in run.output, run.tail()
    assert "on-the-survivor" in config_maps(stacked)
    assert_same_content(stacked, CONTROL_PLANES, STACKED)
    stacked.assert_healthy([*CONTROL_PLANES, "w1"])


def test_all_data_lost_restored_from_the_shipped_copy(stacked: Cluster, tmp_path: Path) -> None:
    stacked.kubectl("cp1", "create configmap shipped --from-literal=a=b")
    passphrase = tmp_path / "passphrase"
    passphrase.write_text("correct horse battery staple\n")
    for node in CONTROL_PLANES:
        stacked.sh(node, f"(umask 077; echo '{passphrase.read_text().strip()}' > /root/passphrase)")
    encrypted = {"etcd_backup_encryption": "openssl", "etcd_backup_encryption_file": "/root/passphrase"}
    run = stacked.run(
        playbook="backup_etcd", extra={"etcd_backup_controller_directory": str(tmp_path / "kept"), **encrypted}
    )
    assert run.rc == 0, run.tail()
    shipped = next((tmp_path / "kept").glob("*.db.enc"))
    for node in CONTROL_PLANES:
        stacked.sh(node, "rm -rf /var/lib/etcd/member && pkill -9 -x etcd")

    wrong = stacked.run(playbook="restore_etcd", extra={"etcd_restore_snapshot": str(shipped)})
    assert wrong.rc != 0, wrong.tail()

    asked = {
        "kubeops_confirm": "kubernetes",
        "etcd_restore_snapshot": str(shipped),
        "etcd_restore_decryption_file": str(passphrase),
    }
    run = stacked.run("--diff", playbook="restore_etcd", extra=asked)
    assert "battery staple" not in run.output
    for node in CONTROL_PLANES:
        stacked.sh(node, "test ! -e /var/lib/kubeops/etcd-restore")
    print(f"restored in {run.seconds:.1f} s")
    assert run.rc == 0, run.tail()
    assert "shipped" in config_maps(stacked)
    assert_same_content(stacked, CONTROL_PLANES, STACKED)
    stacked.assert_healthy([*CONTROL_PLANES, "w1"])


def test_older_snapshots_and_those_of_another_cluster_are_refused(stacked: Cluster, tmp_path: Path) -> None:
    kept, alone = tmp_path / "kept", tmp_path / "alone"
    for _time in range(2):
        run = stacked.run(playbook="backup_etcd", extra={"etcd_backup_controller_directory": str(kept)})
        assert run.rc == 0, run.tail()
    first, newest = sorted(kept.glob("*.db"))
    # Away from the newest, which only a member knows then. Under another name, the newest is of another cluster.
    alone.mkdir()
    older = Path(shutil.copy2(first, alone))
    shutil.copy2(f"{first}.json", alone)
    foreign = Path(shutil.copy2(newest, alone / newest.name.replace("etcd-kubernetes-", "etcd-elsewhere-")))
    for snapshot, rule, seen in (
        (first, "older_snapshot", newest.name),
        (older, "older_snapshot", newest.name),
        (foreign, "another_cluster", "it is of the cluster elsewhere"),
    ):
        asked = {"kubeops_confirm": "kubernetes", "etcd_restore_snapshot": str(snapshot)}
        refused = stacked.run(playbook="restore_etcd", extra=asked)
        assert refused.rc != 0, refused.tail()
        assert f"Refused by rule {rule}" in refused.refusals and seen in refused.refusals, refused.tail()
        assert refused.changed_hosts == {}, refused.changed_tasks
    stacked.assert_healthy([*CONTROL_PLANES, "w1"])


def assert_a_watch_goes_on_or_begins_anew(cluster: Cluster, since: int) -> None:
    """From what a client saw before the restore: events, or that this is gone (410). Silence would be for ever."""
    path = f"/api/v1/namespaces/default/configmaps?watch=1&resourceVersion={since}&timeoutSeconds=5"
    cluster.kubectl("cp1", f"create configmap seen-after-{since}")
    told = cluster.sh("cp1", f"kubectl --kubeconfig /etc/kubernetes/admin.conf get --raw '{path}' 2>&1 || true")
    assert '"type":' in told or "too old" in told, told


def test_a_snapshot_that_is_restored_twice_moves_the_revision_on(stacked: Cluster, tmp_path: Path) -> None:
    run = stacked.run(playbook="backup_etcd", extra={"etcd_backup_controller_directory": str(tmp_path)})
    assert run.rc == 0, run.tail()
    asked = {"kubeops_confirm": "kubernetes", "etcd_restore_snapshot": str(next(tmp_path.glob("*.db")))}
    foreseen = stacked.run("--check", "--diff", playbook="restore_etcd", extra=asked)
    assert foreseen.rc == 0, foreseen.tail()
    stacked.assert_healthy([*CONTROL_PLANES, "w1"])
    for _time in range(2):
        seen = revision(stacked)
        run = stacked.run(playbook="restore_etcd", extra=asked)
        assert run.rc == 0, run.tail()
        assert revision(stacked) > seen + 1_000_000, "clients have seen higher ones"
        assert_a_watch_goes_on_or_begins_anew(stacked, seen)


# In the order of the role; a kill in each leaves another half of the work.
STEPS = (
    ("Snapshot and its manifest", 1.0),
    ("API servers, controller managers, schedulers", 2.0),
    ("Members of kubeadm's etcd", 2.0),
    ("Restore every member from the same snapshot", 0.7),
    ("Restore every member from the same snapshot", 1.5),
    ("Start etcd, then the API servers", 2.0),
    ("Wait until all members are one", 3.0),
    ("Wait until every API server is ready", 2.0),
    ("Wait for the kubelets", 2.0),
)


@pytest.mark.parametrize(("step", "after"), STEPS)
def test_a_restore_killed_at_any_step_is_completed_by_the_next_run(
    stacked: Cluster, tmp_path: Path, step: str, after: float
) -> None:
    stacked.kubectl("cp1", "create configmap kept --dry-run=client -o yaml | kubectl "
                    "--kubeconfig /etc/kubernetes/admin.conf apply -f -")  # fmt: skip
    run = stacked.run(playbook="backup_etcd", extra={"etcd_backup_controller_directory": str(tmp_path)})
    assert run.rc == 0, run.tail()
    asked = {"kubeops_confirm": "kubernetes", "etcd_restore_snapshot": str(next(tmp_path.glob("*.db")))}
    finished = stacked.run_killed_in(step, after, "restore_etcd", asked)
    assert finished is None, f"it ended before it could be killed: {finished.tail() if finished else ''}"
    run = stacked.run(playbook="restore_etcd", extra=asked)
    print(f"completed in {run.seconds:.1f} s")
    assert run.rc == 0, run.tail()
    assert "kept" in config_maps(stacked)
    assert_same_content(stacked, CONTROL_PLANES, STACKED)
    stacked.assert_healthy([*CONTROL_PLANES, "w1"])


def test_no_member_up_and_one_disk_left(stacked: Cluster, tmp_path: Path) -> None:
    stacked.kubectl("cp1", "create configmap on-the-last-disk")
    crash(stacked, *CONTROL_PLANES)
    time.sleep(5)
    for node in ("cp1", "cp3"):
        stacked.sh(node, "rm -rf /var/lib/etcd/member")
    rescue = {"kubeops_confirm": "kubernetes", "etcd_rescue_directory": str(tmp_path)}
    run = stacked.run(playbook="rescue_etcd", extra=rescue)
    print(f"rescued from a disk in {run.seconds:.1f} s")
    assert run.rc == 0, run.tail()
    assert "on-the-last-disk" in config_maps(stacked)
    assert_same_content(stacked, CONTROL_PLANES, STACKED)
    stacked.assert_healthy([*CONTROL_PLANES, "w1"])


def test_a_disk_that_is_ahead_of_the_member_that_runs(stacked: Cluster, tmp_path: Path) -> None:
    """cp3 missed the last writes and runs, cp1 is damaged, cp2 has them on its disk."""
    crash(stacked, "cp3")
    stacked.kubectl("cp1", "create configmap on-the-disk-that-is-ahead")
    time.sleep(2)
    crash(stacked, "cp1", "cp2")
    stacked.sh("cp1", "dd if=/dev/urandom of=/var/lib/etcd/member/snap/db bs=4096 count=64 conv=notrunc")
    start(stacked, "cp3")
    time.sleep(20)
    rescue = {"kubeops_confirm": "kubernetes", "etcd_rescue_directory": str(tmp_path)}
    run = stacked.run(playbook="rescue_etcd", extra=rescue)
    assert run.rc == 0, run.tail()
    assert "the newest data is of cp2" in run.output, run.tail()
    assert "on-the-disk-that-is-ahead" in config_maps(stacked)
    assert_same_content(stacked, CONTROL_PLANES, STACKED)


def test_a_rescue_killed_before_the_api_servers_started_is_completed(stacked: Cluster, tmp_path: Path) -> None:
    stacked.sh("cp2", "mkdir -p /etc/kubernetes/kubeops/stopped && "
               "mv /etc/kubernetes/manifests/kube-apiserver.yaml /etc/kubernetes/kubeops/stopped/")  # fmt: skip
    before = revision(stacked)
    rescue = {"kubeops_confirm": "kubernetes", "etcd_rescue_directory": str(tmp_path)}
    run = stacked.run(playbook="rescue_etcd", extra=rescue)
    assert run.rc == 0, run.tail()
    assert before <= revision(stacked) < before + 1_000_000, "nothing was restored"
    stacked.assert_healthy([*CONTROL_PLANES, "w1"])


@pytest.mark.parametrize(
    "damage",
    [
        "rm -rf /var/lib/etcd/member",
        "dd if=/dev/urandom of=/var/lib/etcd/member/snap/db bs=4096 count=64 conv=notrunc",
        "rm -rf /var/lib/etcd/member; sed -i -E 's#(--initial-cluster=).*(cp3=https://[^,]+).*#\\1\\2#; "
        "/--initial-cluster-state/d' /root/etcd.yaml",
    ],
    ids=["dead disk", "corrupt data", "dead disk, and a cluster of its own"],
)
def test_one_member_replaced_while_the_others_serve(stacked: Cluster, damage: str) -> None:
    stacked.sh("cp3", f"mv /etc/kubernetes/manifests/etcd.yaml /root/; pkill -9 -x etcd; sleep 2; {damage}; "
               "mv /root/etcd.yaml /etc/kubernetes/manifests/")  # fmt: skip
    if "--initial-cluster" in damage:
        wait_for_voters(stacked, "cp3", 1)
    replace = {"kubeops_confirm": "kubernetes", "member": "cp3"}
    run = stacked.run(playbook="rescue_etcd", extra=replace)
    print(f"replaced in {run.seconds:.1f} s")
    assert run.rc == 0, run.tail()
    assert_same_content(stacked, CONTROL_PLANES, STACKED)
    stacked.assert_healthy([*CONTROL_PLANES, "w1"])


def aftermath(cluster: Cluster, tmp_path: Path, **variables: object) -> PlaybookRun:
    """Run the role etcd_aftermath alone."""
    playbook = tmp_path / "aftermath.yml"
    roles = {"roles": ["kubeops.cluster.etcd_aftermath"]}
    playbook.write_text(json.dumps([{"hosts": "control_plane:workers", "gather_facts": False, **roles}]))
    argv = cluster.command(playbook="restore_etcd", extra={"etcd_aftermath_timeout": 30, **variables})
    argv[argv.index("playbooks/restore_etcd.yml")] = str(playbook)
    done = subprocess.run(argv, env=cluster.environment, text=True, check=False, capture_output=True)
    # Ansible breaks the lines of messages where it likes.
    return PlaybookRun(done.returncode, " ".join(done.stdout.split()), 0.0)


def test_a_node_without_its_kubelet_hides_no_phantom(stacked: Cluster, tmp_path: Path) -> None:
    """What a restore may leave, made by hand: the API forgets a pod whose kubelet does not know."""
    there = json.dumps({"spec": {"nodeName": "w1"}})
    stacked.kubectl("cp1", f"run lost --image={AGNHOST} --overrides='{there}' -- pause")
    stacked.kubectl("cp1", "wait --for=condition=Ready pod/lost --timeout=60s")
    before = containers(stacked, "w1")
    stacked.sh("w1", "systemctl stop kubelet")
    stacked.kubectl("cp1", "delete pod lost --force --grace-period=0")
    run = aftermath(stacked, tmp_path)
    assert run.rc != 0 and "silent: w1" in run.output and "phantom pods: lost" in run.output, run.tail()
    run = aftermath(stacked, tmp_path, etcd_aftermath_clear=True)
    assert "phantom pods: lost (cleared)" in run.output, run.tail()
    assert len(before - containers(stacked, "w1")) == 1, "that pod went, and no other"
    stacked.sh("w1", "systemctl start kubelet")
    run = aftermath(stacked, tmp_path)
    assert run.rc == 0 and "phantom pods: none" in run.output, run.tail()


def test_all_control_planes_reset_restored_from_the_shipped_copy(stacked: Cluster, tmp_path: Path) -> None:
    stacked.kubectl("cp1", "create configmap before-the-reset")
    run = stacked.run(playbook="backup_etcd", extra={"etcd_backup_controller_directory": str(tmp_path)})
    assert run.rc == 0, run.tail()
    before = containers(stacked, "w1")
    kept = "ca.* sa.* front-proxy-ca.* etcd/ca.*"
    stacked.sh("cp1", f"cd /etc/kubernetes/pki && tar -cf /root/pki.tar {kept}")
    for node in CONTROL_PLANES:
        stacked.sh(node, "kubeadm reset --force")
        stacked.sh(node, "rm -rf /var/lib/kubeops/etcd-snapshots /etc/kubernetes/kubeops")
    # As the guide has it: kubelets of workers wait, the CAs come back, a new cluster gets the old data.
    stacked.sh("w1", "systemctl stop kubelet")
    stacked.sh("cp1", "mkdir -p /etc/kubernetes/pki && tar -C /etc/kubernetes/pki -xf /root/pki.tar")
    run = stacked.run("--limit", "control_plane")
    assert run.rc == 0, run.tail()
    asked = {"kubeops_confirm": "kubernetes", "etcd_restore_snapshot": str(next(tmp_path.glob("*.db")))}
    run = stacked.run("--limit", "control_plane", playbook="restore_etcd", extra=asked)
    print(f"restored in {run.seconds:.1f} s")
    assert run.rc == 0, run.tail()
    stacked.sh("w1", "systemctl start kubelet")
    assert "before-the-reset" in config_maps(stacked)
    run = stacked.run()
    assert run.rc == 0, run.tail()
    stacked.assert_healthy([*CONTROL_PLANES, "w1"])
    assert before <= containers(stacked, "w1"), "pods of the worker were restarted"
