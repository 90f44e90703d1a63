# SPDX-License-Identifier: GPL-3.0-or-later
"""upgrade_cluster on real Kubernetes: one command through the minors of the bundle, under a client and a workload.

Environment:
  KUBEOPS_E2E_UPGRADE  where the cluster of the long tests starts (default: the oldest version of the bundle)
"""

from __future__ import annotations

import json
import os
import random
import re
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .background import in_background
from .cluster import FIVE_NODES, FULL_ONLY, Cluster, PlaybookRun, Probe
from .conftest import bundle_versions, own_lab
from .test_outage import CONTROL_PLANES, endpoint, wait_until_answered, wait_until_ready

NAMES = ("cp1", "cp2", "cp3", "w1", "w2")
LAB = own_lab("upgrade")
KILLS = int(os.environ.get("KUBEOPS_E2E_KILLS", "1"))
SEED = int(os.environ.get("KUBEOPS_E2E_SEED", "0")) or random.SystemRandom().randrange(1, 10**6)
RUN_SECONDS = float(os.environ.get("KUBEOPS_E2E_UPGRADE_SECONDS", "900"))

# As operators type them: name=value makes each a string.
STRINGS = (
    "upgrade_cluster_max_fail=0 upgrade_cluster_soak=1 upgrade_cluster_hops=0 upgrade_cluster_canary=0 "
    "upgrade_cluster_max_unavailable=0 upgrade_cluster_reboot=false upgrade_cluster_runtime=true "
    "upgrade_cluster_drain=true"
)

WORKLOAD = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
        - name: web
          image: registry.k8s.io/e2e-test-images/agnhost:2.53
          args: [netexec, --http-port=8080]
          readinessProbe: {httpGet: {path: /, port: 8080}, periodSeconds: 1}
      topologySpreadConstraints:
        - maxSkew: 1
          topologyKey: kubernetes.io/hostname
          whenUnsatisfiable: ScheduleAnyway
          labelSelector: {matchLabels: {app: web}}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: web}
spec: {minAvailable: 1, selector: {matchLabels: {app: web}}}
"""


def test_nothing_to_do(cluster: Cluster) -> None:
    """On a cluster that has the version: a plan, and not one change."""
    run = cluster.run(playbook="upgrade_cluster")
    assert run.rc == 0, run.tail()
    assert run.changed_hosts == {}, run.changed_tasks
    assert "Nothing to do." in run.output


def start_version() -> str:
    return os.environ.get("KUBEOPS_E2E_UPGRADE") or bundle_versions()[0]


@pytest.fixture(scope="module")
def old(make_cluster: Callable[[str, str, str], Cluster]) -> Iterator[Cluster]:
    """A cluster at the oldest version of the bundle, with a workload that keeps one replica at all times."""
    versions = bundle_versions()
    if len(versions) < 2:
        pytest.skip("the bundle has one version of Kubernetes only")
    made = make_cluster(LAB, start_version(), FIVE_NODES).created()
    apply(made, WORKLOAD)
    made.kubectl("cp1", "rollout status deployment/web --timeout=120s")
    # All nodes share the disk of this machine, which still writes what was installed, and etcd would wait for it.
    os.sync()
    yield made


def apply(cluster: Cluster, manifest: str) -> None:
    cluster.sh("cp1", f"kubectl --kubeconfig /etc/kubernetes/admin.conf apply -f - <<'EOF'\n{manifest}\nEOF")


def cordoned(cluster: Cluster) -> list[str]:
    nodes = json.loads(cluster.kubectl("cp1", "get nodes -o json"))["items"]
    return [node["metadata"]["name"] for node in nodes if node["spec"].get("unschedulable")]


def etcd_image(cluster: Cluster) -> str:
    return cluster.kubectl("cp1", "-n kube-system get pod etcd-cp1 -o jsonpath={.spec.containers[0].image}")


def target() -> str:
    return bundle_versions()[-1]


def upgrade(cluster: Cluster, *options: str, log: Path | None = None, **variables: object) -> PlaybookRun:
    extra = {"kubeops_version": target(), **variables}
    return cluster.run(*options, playbook="upgrade_cluster", extra=extra, log=log)


def told(run: PlaybookRun) -> str:
    """All that a run that was refused before its first change said, in one line."""
    assert run.rc != 0
    assert run.changed_hosts == {}, run.changed_tasks
    return " ".join(run.output.replace("\\n", " ").split())


@FULL_ONLY
def test_refused_before_the_first_change(old: Cluster) -> None:
    """Predicted before anything is cordoned, each with its rule."""
    apply(old, WORKLOAD.replace("minAvailable: 1", "minAvailable: 2").replace("web", "tight"))
    old.kubectl("cp1", "run alone --image=registry.k8s.io/e2e-test-images/agnhost:2.53 -- pause")
    try:
        run = upgrade(old)
    finally:
        old.kubectl("cp1", "delete pod/alone deployment/tight pdb/tight --wait")
    said = told(run)
    for evidence in ("error gate.drain", "it wants 2 of 2 pods healthy", "default/alone", "has no controller"):
        assert evidence in said, run.tail()


WEBHOOK = """
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: nobody-serves-it}
webhooks:
  - name: policy.example.com
    admissionReviewVersions: [v1]
    sideEffects: None
    clientConfig: {service: {namespace: default, name: policy}}
    rules: [{apiGroups: [apps], apiVersions: [v1], operations: [UPDATE], resources: [daemonsets]}]
"""
# A field that kubeadm does not write: one that is put back to kubeadm's value stays the other manager's.
COREDNS = """-n kube-system patch deployment coredns --field-manager=by-hand -p '{"spec":{"template":{"spec":%s}}}'"""
DROP_IN = "/etc/systemd/system/kubelet.service.d/90-flag.conf"
SCHEDULER = "/etc/kubernetes/manifests/kube-scheduler.yaml"
# 1.35 does not know it any more.
GATE = "--feature-gates=PodIndexLabel=true"
IN_THE_WAY = {
    "gate.webhooks": "policy.example.com",
    "gate.customisations": "hostAliases",
    "gate.certificates": "certificate apiserver ends in",
    "gate.disk": "/var has",
    "gate.drift": "kube-scheduler.yaml differs",
    "removed.flags": "--pod-infra-container-image",
    "removed.feature_gates": "PodIndexLabel",
}


@FULL_ONLY
def test_all_that_would_hurt_is_named_at_once(old: Cluster) -> None:
    """Each with its rule."""
    apply(old, WEBHOOK)
    old.kubectl("cp1", COREDNS % '{"hostAliases":[{"ip":"192.0.2.1","hostnames":["by.hand"]}]}')
    flag = "[Service]\\nEnvironment=KUBELET_EXTRA_ARGS=--pod-infra-container-image=x\\n"
    old.sh("w1", f"mkdir -p $(dirname {DROP_IN}); printf '{flag}' > {DROP_IN} && systemctl daemon-reload")
    old.sh("cp3", f"sed -i '/- kube-scheduler$/a\\    - {GATE}' {SCHEDULER}")
    try:
        run = upgrade(old, plan_upgrade_certificate_hours=1000000, plan_upgrade_disk_free_mib={"/var": 10**9})
    finally:
        old.sh("cp3", f"sed -i '/{GATE}/d' {SCHEDULER}")
        old.sh("w1", f"rm {DROP_IN}; systemctl daemon-reload")
        old.kubectl("cp1", COREDNS % '{"hostAliases":null}')
        old.kubectl("cp1", "delete validatingwebhookconfiguration nobody-serves-it")
    said = told(run)
    missing = {rule: seen for rule, seen in IN_THE_WAY.items() if f"error {rule}" not in said or seen not in said}
    assert missing == {}, run.tail()


@FULL_ONLY
@pytest.mark.parametrize(
    ("wanted", "available"), [("1.33.13", []), (target(), [target()])], ids=["downgrade", "skipped minor"]
)
def test_no_road(old: Cluster, wanted: str, available: list[str]) -> None:
    run = upgrade(old, kubeops_version=wanted, plan_upgrade_available=available)
    assert "error road" in told(run), run.tail()


@FULL_ONLY
def test_a_node_left_out_holds_the_road(old: Cluster) -> None:
    """With more than one hop to go, --limit is refused before the first change."""
    if len(bundle_versions()) < 3:
        pytest.skip("the road of this bundle has one hop only")
    run = upgrade(old, "--limit", "!w2")
    told(run)
    assert "w2 would be left out" in run.output and "upgrade_cluster_hops=1" in run.output, run.tail()


class Replicas:
    """Looks at the workload all the time."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self.least = 99
        self.looks = 0

    def watch(self, stop: threading.Event) -> None:
        path = "get deployment web -o jsonpath={.status.readyReplicas}"
        server = f"--server=https://{self._cluster.inventory_vars()['kubeops_endpoint']}"
        while not stop.wait(1.0):
            answer = self._cluster.kubectl("cp1", f"{server} {path} 2>/dev/null || true").strip()
            if answer.isdigit():
                self.least = min(self.least, int(answer))
                self.looks += 1


@FULL_ONLY
def test_one_command_to_the_newest(old: Cluster, tmp_path: Path) -> None:
    """All minors of the road, a client at 10 Hz through the endpoint, a workload that never loses its last replica.

    Where the bundle has a container runtime, nodes get that too while they are drained.
    """
    runtime = old.bundled_runtime()
    host, port = str(old.inventory_vars()["kubeops_endpoint"]).rsplit(":", 1)
    probe, replicas = Probe(host, int(port), of=old, writes=True), Replicas(old)
    before = etcd_image(old)
    with probe.running(), in_background(replicas.watch):
        run = upgrade(old, "-e", STRINGS, log=tmp_path / "upgrade.log", **runtime)
    print(f"{start_version()} to {target()} in {run.seconds:.0f} s; {len(probe.failures)} of {probe.requests} failed")
    print(*[line.strip() for line in run.output.splitlines() if "The API during this run:" in line], sep="\n")
    assert run.rc == 0, run.tail()
    assert probe.failures == [], probe.failures[:10]
    assert replicas.looks > 10 and replicas.least >= 1, f"{replicas.least} replicas in {replicas.looks} looks"
    assert "The API during this run:" in run.output
    assert etcd_image(old) != before, "etcd moves along"
    Cluster(LAB, target()).assert_healthy(NAMES)
    if runtime:
        assert old.runtimes() == {f"containerd://{runtime['kubeops_container_runtime_version']}"}
    again = upgrade(old, **runtime)
    assert again.rc == 0 and again.changed_hosts == {}, again.changed_tasks


RELEASES = "/var/lib/kubeops/releases"
MOMENTS = ("before_hop", "after_hop", "before_group", "after_group", "before_node", "drained_node", "after_node")


def hooks(directory: Path) -> dict[str, str]:
    """A file for every moment, which tells where and when it ran."""
    said = '{{ inventory_hostname }} {{ upgrade_cluster_group | default("-") }} {{ upgrade_cluster_hop.to }}'
    files = {moment: directory / f"{moment}.yml" for moment in MOMENTS}
    for moment, path in files.items():
        path.write_text(f"- name: Tell\n  ansible.builtin.debug:\n    msg: 'hook {moment} {said}'\n")
    return {moment: str(path) for moment, path in files.items()}


def boots(cluster: Cluster) -> dict[str, str]:
    return {name: cluster.sh(name, "cat /proc/sys/kernel/random/boot_id") for name in NAMES}


def versions_of(cluster: Cluster) -> dict[str, str]:
    return {name: node["version"] for name, node in cluster.nodes().items()}


@FULL_ONLY
def test_every_option_of_a_hop(make_cluster: Callable[[str, str, str], Cluster], tmp_path: Path) -> None:
    """One hop with hooks, reboots, a group with a pace of its own and a canary."""
    made = make_cluster(LAB, start_version(), FIVE_NODES).created()
    apply(made, WORKLOAD)
    made.kubectl("cp1", "rollout status deployment/web --timeout=120s")
    broken = tmp_path / "broken.yml"
    broken.write_text("- name: Misspelt\n  ansible.builtin.comand: 'true'\n")
    run = upgrade(made, upgrade_cluster_hooks={"after_hop": str(broken)})
    assert run.rc != 0 and "ansible.builtin.comand" in run.output, run.tail()
    assert run.changed_tasks == set(), "a hook that can't run is refused before the first change"

    before, replicas = boots(made), Replicas(made)
    with in_background(replicas.watch):
        run = upgrade(
            made,
            upgrade_cluster_hops=1,
            upgrade_cluster_hooks=hooks(tmp_path),
            upgrade_cluster_reboot=True,
            upgrade_cluster_canary=1,
            upgrade_cluster_groups=[{"name": "second", "hosts": ["w2"], "at_once": "50%"}],
            upgrade_cluster_soak=3,
            upgrade_cluster_max_unavailable=1,
        )
    print(f"a hop with reboots in {run.seconds:.0f} s")
    assert run.rc == 0, run.tail()
    hop = bundle_versions()[bundle_versions().index(start_version()) + 1]
    Cluster(LAB, hop).assert_healthy(NAMES)
    assert cordoned(made) == []
    assert replicas.looks > 10 and replicas.least >= 1, f"{replicas.least} replicas in {replicas.looks} looks"
    kept = f"find {RELEASES} -type f"
    assert set(made.sh("cp2", kept).split()) == {f"{RELEASES}/v{version}/kubeadm" for version in (start_version(), hop)}
    assert made.sh("w1", kept).split() == []
    after = boots(made)
    assert [name for name in NAMES if after[name] == before[name]] == [], "every node is rebooted"
    said = re.findall(r"hook (\w+) (\w+) ([-\w]+) ([\d.]+)", run.output)
    assert {moment for moment, *__ in said} == set(MOMENTS)
    assert {version for *__, version in said} == {hop}
    drained = [name for moment, name, *__ in said if moment == "drained_node"]
    assert sorted(drained[:3]) == list(CONTROL_PLANES) and drained[3:] == ["w2", "w1"], "w2 has a group of its own"


@FULL_ONLY
def test_a_worker_that_may_fail_stays_cordoned(make_cluster: Callable[[str, str, str], Cluster]) -> None:
    """The other goes on; the next run, for that worker alone, ends what is left. Nothing there forbids a drain."""
    start = bundle_versions()[-2]
    made = make_cluster(LAB, start, FIVE_NODES).created()
    made.sh("w1", "echo KUBELET_EXTRA_ARGS=--no-such-flag > /etc/default/kubelet")
    run = upgrade(made, upgrade_cluster_max_fail=1)
    assert run.rc != 0, run.tail()
    assert versions_of(made) == {name: f"v{start if name == 'w1' else target()}" for name in NAMES}, run.tail()
    assert cordoned(made) == ["w1"]
    made.sh("w1", "rm /etc/default/kubelet; systemctl restart kubelet")
    made.kubectl("cp1", "wait --for=condition=Ready node/w1 --timeout=120s")
    run = upgrade(made, "--limit", "w1")
    assert run.rc == 0, run.tail()
    assert set(run.changed_hosts) == {"w1"}
    Cluster(LAB, target()).assert_healthy(NAMES)
    assert cordoned(made) == []


@FULL_ONLY
def test_killed_again_and_again(make_cluster: Callable[[str, str, str], Cluster]) -> None:
    """The controller at random moments; then one run goes through."""
    made = make_cluster(LAB, start_version(), FIVE_NODES)
    made.created()
    moments = random.Random(SEED)
    made.extra_vars["kubeops_version"] = target()
    hits = 0
    for kill in range(KILLS):
        moment = round(moments.uniform(10.0, RUN_SECONDS / 2), 1)
        finished = made.run_killed(moment, playbook="upgrade_cluster")
        print(f"kill {kill + 1} after {moment} s (seed {SEED}): {'hit' if finished is None else 'the run had ended'}")
        assert finished is None or finished.rc == 0, finished.tail()
        hits += finished is None
    print(f"{hits} of {KILLS} kills hit a run")
    assert hits > 0, "a run that is never killed shows nothing: KUBEOPS_E2E_UPGRADE_SECONDS is too long"
    run = upgrade(made)
    assert run.rc == 0, run.tail()
    Cluster(LAB, target()).assert_healthy(NAMES)
    assert cordoned(made) == []
    assert upgrade(made).changed_hosts == {}
    for name in CONTROL_PLANES:
        left = made.sh(name, "systemctl is-active kubeops-api-probe; ls /run/kubeops/api-probe.pem", check=False)
        assert left.split() == ["inactive"], "no run leaves its client behind"


def kill_upgrade_apply(cluster: Cluster) -> None:
    """SIGKILL it at a random moment of its minute or two, on the control plane that comes first."""
    pattern, deadline = "'^[^ ]*kubeadm upgrade apply'", time.monotonic() + 900
    while not (found := [name for name in CONTROL_PLANES if cluster.sh(name, f"pgrep -f {pattern}", check=False)]):
        assert time.monotonic() < deadline, "no control plane ran kubeadm upgrade apply"
        time.sleep(0.2)
    moment = random.Random(SEED).uniform(0.1, 60.0)
    time.sleep(moment)
    cluster.sh(found[0], f"pkill -KILL -f {pattern}")
    print(f"kubeadm upgrade apply killed on {found[0]} after {moment:.1f} s (seed {SEED})")


@FULL_ONLY
def test_kubeadm_killed(make_cluster: Callable[[str, str, str], Cluster]) -> None:
    """Workers wait for the last hop meanwhile, so of two hops they meet the second kubeadm only; etcd comes last."""
    made = make_cluster(LAB, start_version(), FIVE_NODES)
    made.created()
    first: list[PlaybookRun] = []
    thread = threading.Thread(target=lambda: first.append(upgrade(made, plan_upgrade_workers="last_hop")))
    thread.start()
    kill_upgrade_apply(made)
    thread.join()
    assert first and first[0].rc != 0, "a run whose kubeadm was killed must not report success"
    run = upgrade(made, plan_upgrade_workers="last_hop", upgrade_cluster_etcd=False)
    assert run.rc == 0, run.tail()
    Cluster(LAB, target()).assert_healthy(NAMES)
    left_behind = etcd_image(made)
    run = upgrade(made)
    assert run.rc == 0, run.tail()
    assert etcd_image(made) != left_behind
    assert upgrade(made).changed_hosts == {}


def api_server_image(cluster: Cluster, node: str) -> str:
    return cluster.sh(node, "grep image: /etc/kubernetes/manifests/kube-apiserver.yaml", check=False)


@FULL_ONLY
def test_a_control_plane_is_lost(make_cluster: Callable[[str, str, str], Cluster]) -> None:
    """One that is down before the start is a refusal; one lost on the way stops the run, and the others serve on."""
    made = make_cluster(LAB, bundle_versions()[-2], FIVE_NODES).created()
    made.lab("stop", "--id", LAB, "cp3")
    try:
        run = upgrade(made)
    finally:
        made.lab("start", "--id", LAB, "cp3")
        wait_until_ready(made, "cp3", via="cp1")
    assert "error gate.observed" in told(run) and "error gate.quorum" in told(run), run.tail()

    runs: list[PlaybookRun] = []
    thread = threading.Thread(target=lambda: runs.append(upgrade(made)))
    thread.start()
    upgraded: list[str] = []
    while thread.is_alive() and not upgraded:
        time.sleep(2)
        upgraded = [name for name in CONTROL_PLANES if target() in api_server_image(made, name)]
    assert upgraded, runs[0].tail()
    lost = next(name for name in reversed(CONTROL_PLANES) if name not in upgraded)
    made.lab("stop", "--id", LAB, lost)
    try:
        print(f"{lost} lost: the API answered again after {wait_until_answered(endpoint(made)):.1f} s")
        thread.join()
        nodes = made.nodes(via=upgraded[0])
    finally:
        made.lab("start", "--id", LAB, lost)
        wait_until_ready(made, lost, via=upgraded[0])
    assert runs[0].rc != 0
    assert {nodes[name]["version"] for name in ("w1", "w2")} == {f"v{made.version}"}, "control planes come first"
    run = upgrade(made)
    assert run.rc == 0, run.tail()
    Cluster(LAB, target()).assert_healthy(NAMES)
    assert cordoned(made) == []
    assert upgrade(made).changed_hosts == {}


@FULL_ONLY
def test_a_control_plane_that_does_not_come_up_is_put_back(
    make_cluster: Callable[[str, str, str], Cluster], tmp_path: Path
) -> None:
    """A patch with which the scheduler does not start: kubeadm takes its pod for running, the module does not."""
    made = make_cluster(LAB, bundle_versions()[-2], FIVE_NODES).created()
    patch = [{"op": "add", "path": "/spec/containers/0/command/-", "value": "--no-such-flag"}]
    (tmp_path / "kube-scheduler+json.json").write_text(json.dumps(patch))
    skip = {"gate.drift": "the patch is new"}
    run = upgrade(made, upgrade_cluster_patches=str(tmp_path), plan_upgrade_skip=skip)
    assert run.rc != 0
    said = " ".join(run.output.split())
    assert "kube-scheduler is not ready" in said, run.tail()
    assert f"it was put back to v{made.version} and serves" in said, run.tail()
    assert {name for name in CONTROL_PLANES if target() in api_server_image(made, name)} == set()
    made.assert_healthy(NAMES)
    run = upgrade(made)
    assert run.rc == 0, run.tail()
    Cluster(LAB, target()).assert_healthy(NAMES)
    assert upgrade(made).changed_hosts == {}


ILL = """
- name: Fall ill
  ansible.builtin.service: {name: kubelet, state: stopped}
  when: inventory_hostname == 'w1'
"""


@FULL_ONLY
def test_a_worker_that_falls_ill_after_its_turn_stops_the_run(
    make_cluster: Callable[[str, str, str], Cluster], tmp_path: Path
) -> None:
    """Its kubelet ends while the soak lasts, long enough that the API notices; the next batch is not begun."""
    made = make_cluster(LAB, bundle_versions()[-2], FIVE_NODES).created()
    hook = tmp_path / "ill.yml"
    hook.write_text(ILL)
    run = upgrade(made, upgrade_cluster_hooks={"after_node": str(hook)}, upgrade_cluster_soak=75)
    assert run.rc != 0
    assert "w1 failed or are not Ready" in " ".join(run.output.split()), run.tail()
    assert made.nodes()["w2"]["version"] == f"v{made.version}", "nothing is upgraded around a node that is not Ready"
    made.sh("w1", "systemctl start kubelet")
    run = upgrade(made)
    assert run.rc == 0, run.tail()
    Cluster(LAB, target()).assert_healthy(NAMES)


@FULL_ONLY
def test_a_broken_kubelet_stops_the_run(make_cluster: Callable[[str, str, str], Cluster]) -> None:
    """What a worker's kubelet reads is broken: that worker fails, stays cordoned, and nothing goes on around it."""
    made = make_cluster(LAB, start_version(), FIVE_NODES)
    made.created()
    made.sh("w1", "echo KUBELET_EXTRA_ARGS=--no-such-flag > /etc/default/kubelet")
    run = upgrade(made)
    assert run.rc != 0
    assert "the node is not Ready with kubelet" in run.output, f"it did not come to w1: {run.tail()}"
    nodes = made.nodes()
    assert nodes["w2"]["version"] == f"v{start_version()}", "nothing is upgraded around a broken node"
    assert nodes["cp1"]["version"] != f"v{start_version()}", "control planes come first"
    assert cordoned(made) == ["w1"]
    made.sh("w1", "rm /etc/default/kubelet; systemctl restart kubelet")
    time.sleep(30)
    assert upgrade(made).rc == 0
    Cluster(LAB, target()).assert_healthy(NAMES)
    assert cordoned(made) == []
