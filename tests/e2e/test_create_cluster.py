# SPDX-License-Identifier: GPL-3.0-or-later
"""From bare nodes to a verified cluster, again and again."""

from __future__ import annotations

from pathlib import Path

import pytest

from .cluster import Cluster, Probe
from .secrets_watch import SecretsWatch, leaks

NAMES = ("cp1", "cp2", "cp3", "w1", "w2")

# Tasks whose change a check run on bare nodes can't foresee, and why.
UNPREDICTABLE = {
    "kubeops.cluster.cni : Replicas of the cluster's DNS on more than one node": "the scheduler places them",
}

# Files that hold a secret on a node: every one of them is for root alone.
SECRET_FILES = (
    "find /etc/kubernetes /var/lib/kubelet/pki /var/lib/etcd /run/kubeops -type f"
    r" \( -name '*.key' -o -name '*.conf' -o -name '*.pem' -o -name encryption.json -o -path '/run/kubeops/*' \)"
    " -perm /077 -not -path '*/.kubeops-*' 2>/dev/null || true"
)


@pytest.fixture(scope="module")
def runs() -> dict[str, object]:
    """What earlier tests of this module saw."""
    return {}


def test_check_mode_on_bare_nodes_changes_nothing(bare_cluster: Cluster, runs: dict[str, object]) -> None:
    run = bare_cluster.run("--check", "--diff")
    assert run.rc == 0, run.tail()
    assert run.changed_tasks, "a check run on bare nodes must predict the cluster"
    runs["predicted"] = run.changed_tasks
    left = bare_cluster.sh("cp1", "find /etc/kubernetes /run/kubeops -type f -not -name '*.lock' 2>/dev/null || true")
    assert left == "", f"the check run left files: {left}"
    assert bare_cluster.sh("cp1", "command -v kubeadm || true") == ""


def test_bare_nodes_become_a_verified_cluster(bare_cluster: Cluster, runs: dict[str, object], tmp_path: Path) -> None:
    watch = SecretsWatch()
    with watch.running():
        run = bare_cluster.run("-vvv", "--diff", log=tmp_path / "create.log")
    assert run.rc == 0, run.tail()
    bare_cluster.assert_healthy(NAMES)
    runs["created"] = run.changed_tasks

    assert watch.secrets, "the watch must have seen the join credentials, or it proves nothing"
    assert leaks(run.output, watch.secrets) == []
    assert leaks("\n".join(watch.command_lines), watch.secrets) == []
    assert watch.wide_files == set()


def test_the_prediction_came_true(cluster: Cluster, runs: dict[str, object]) -> None:
    assert cluster.version
    predicted, created = runs["predicted"], runs["created"]
    assert isinstance(predicted, set) and isinstance(created, set)
    unforeseen = {row for row in created - predicted if row[0] not in UNPREDICTABLE}
    assert (unforeseen, predicted - created) == (set(), set())


def test_secrets_on_the_nodes_are_for_root_alone(cluster: Cluster) -> None:
    for node in NAMES:
        assert cluster.sh(node, SECRET_FILES) == "", node


def test_nothing_is_left_of_the_join(cluster: Cluster) -> None:
    assert cluster.sh("cp1", "kubeadm --kubeconfig /etc/kubernetes/admin.conf token list -o json || true").strip() == ""
    assert "kubeadm-certs" not in cluster.kubectl("cp1", "-n kube-system get secrets -o name")
    for node in NAMES:
        assert cluster.sh(node, "find /run/kubeops -type f -not -name '*.lock' 2>/dev/null || true") == "", node


def test_every_control_plane_answers_for_itself_and_through_the_endpoint(cluster: Cluster) -> None:
    variables = cluster.inventory_vars()
    host, port = str(variables["kubeops_endpoint"]).rsplit(":", 1)
    for name in ("cp1", "cp2", "cp3"):
        assert Probe(cluster.address(name), 6443, of=cluster).once() is None, name
    assert Probe(host, int(port), of=cluster).once() is None


def test_second_run_changes_nothing(cluster: Cluster) -> None:
    run = cluster.run()
    assert run.rc == 0, run.tail()
    assert run.changed_hosts == {}, run.changed_tasks


def test_check_mode_on_the_live_cluster_finds_nothing(cluster: Cluster) -> None:
    run = cluster.run("--check", "--diff")
    assert run.rc == 0, run.tail()
    assert run.changed_hosts == {}, run.changed_tasks


def test_one_changed_label_is_all_that_changes(cluster: Cluster) -> None:
    labels = {"kubeops_node_labels": {"example.com/tier": "gold"}}
    # As after a run that was killed before it had verified w1.
    cluster.kubectl("cp1", "annotate node w1 kubeops.io/verified-network-")
    run = cluster.run("--limit", "w1", extra=labels)
    assert run.rc == 0, run.tail()
    assert "A pod on every node" in run.output, run.tail()
    assert cluster.kubectl("cp1", "get node w1 -o jsonpath='{.metadata.labels.example\\.com/tier}'") == "gold"
    assert cluster.kubectl("cp1", "get node w2 -o jsonpath='{.metadata.labels.example\\.com/tier}'") == ""
    removed = cluster.run("--limit", "w1")
    assert removed.rc == 0, removed.tail()
    assert "A pod on every node" not in removed.output, removed.tail()
    assert cluster.kubectl("cp1", "get node w1 -o jsonpath='{.metadata.labels.example\\.com/tier}'") == ""
