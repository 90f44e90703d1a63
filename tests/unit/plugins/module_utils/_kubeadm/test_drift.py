# SPDX-License-Identifier: GPL-3.0-or-later
"""Live against wanted: only differences become steps, in a safe order."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from ansible_collections.kubeops.cluster.plugins.module_utils._kubeadm import drift, static_pod
from ansible_collections.kubeops.cluster.plugins.module_utils._kubeadm.drift import Live
from ansible_collections.kubeops.cluster.plugins.module_utils._kubeadm.generate import Generated

FIXTURES = Path(__file__).parents[3] / "fixtures" / "kubeadm" / "1.36.3"
BORN = (FIXTURES / "etcd_of_a_joined_member.yaml").read_text(encoding="utf-8")
ADDRESS = "192.0.2.12"
GENERATED = (FIXTURES / "etcd.yaml").read_text(encoding="utf-8").replace("192.0.2.11", ADDRESS).replace("cp1", "cp2")


def test_how_an_etcd_member_was_born_is_no_difference() -> None:
    assert "--initial-cluster-state=existing" in BORN
    assert "--initial-cluster-state" not in GENERATED
    assert drift.with_birth(GENERATED, BORN) == BORN


def test_a_patch_makes_kubeadm_keep_the_birth() -> None:
    command = yaml.safe_load(BORN)["spec"]["containers"][0]["command"]
    patch = yaml.safe_load(drift.birth_patch(GENERATED, BORN))
    assert patch == {"spec": {"containers": [{"name": "etcd", "command": command}]}}
    assert drift.birth_patch(BORN, BORN) == drift.birth_patch(GENERATED, "") == ""


def test_a_changed_flag_of_etcd_is_a_difference_and_keeps_the_birth() -> None:
    wanted = Generated(manifests={"etcd": GENERATED.replace("--snapshot-count=10000", "--snapshot-count=5000")})
    planned = drift.plan(wanted, Live(manifests={"etcd": BORN}))
    assert [step.target for step in planned.steps] == ["/etc/kubernetes/manifests/etcd.yaml"]
    assert "--initial-cluster-state=existing" in planned.steps[0].data["text"]


def test_nothing_differs() -> None:
    wanted = Generated(
        {"kube-scheduler": "a\n"}, {"config.yaml": "k"}, {"kubeadm-config": {"ClusterConfiguration": "c"}}
    )
    live = Live({"kube-scheduler": "a\n"}, {"config.yaml": "k\n"}, {"kubeadm-config": {"ClusterConfiguration": "c\n"}})
    assert not drift.plan(wanted, live).changed


def test_order_is_certificate_components_kubelet_cluster() -> None:
    wanted = Generated(
        {"kube-scheduler": "s", "kube-apiserver": "a", "etcd": "e"},
        {"config.yaml": "k"},
        {"kubeadm-config": {"ClusterConfiguration": "c"}},
    )
    planned = drift.plan(wanted, Live(served_names=frozenset({"a.example"})), ["b.example", "a.example"])
    assert [step.action for step in planned.steps] == ["certificate", *["manifest"] * 3, "kubelet", "config_map"]
    assert [step.data["name"] for step in planned.steps if step.action == "manifest"] == [
        "etcd",
        "kube-apiserver",
        "kube-scheduler",
    ]
    assert planned.steps[0].data["names"] == ["b.example"]


@pytest.mark.parametrize(
    ("generated", "live", "wanted"),
    [
        pytest.param("--node-ip=192.0.2.21", "--node-ip=192.0.2.21", None, id="equal"),
        pytest.param("--b=1 --a=2", "--a=2 --b=1", None, id="another order is no difference"),
        pytest.param("--node-ip=192.0.2.22", "--node-ip=192.0.2.21", "--node-ip=192.0.2.22", id="another address"),
        pytest.param("--v=4 --node-ip=x", "--node-ip=x", "--v=4 --node-ip=x", id="a flag more"),
        pytest.param("--node-ip=x", "--node-ip=x --v=4", "--node-ip=x", id="a flag less"),
        pytest.param(
            "--pod-infra-container-image=registry.k8s.io/pause:3.10.1 --node-ip=x",
            "--pod-infra-container-image=mirror/pause:3.10.1 --node-ip=x --register-with-taints=a:NoSchedule",
            None,
            id="what the join knew stays",
        ),
        pytest.param(
            "--node-ip=y", "--register-with-taints=a:NoSchedule --node-ip=x",
            "--register-with-taints=a:NoSchedule --node-ip=y", id="and is kept beside what changes",
        ),
        pytest.param("--node-ip=x", "", "--node-ip=x", id="the file is gone"),
    ],
)  # fmt: skip
def test_flags_of_a_worker(generated: str, live: str, wanted: str | None) -> None:
    before = f'KUBELET_KUBEADM_ARGS="{live}"\n' if live else ""
    after = before if wanted is None else f'KUBELET_KUBEADM_ARGS="{wanted}"\n'
    assert drift.with_birth_flags(f'KUBELET_KUBEADM_ARGS="{generated}"\n', before) == after


@pytest.mark.parametrize(
    ("wanted", "restarts", "restarts_etcd"),
    [
        (Generated(manifests={"etcd": "e"}), True, True),
        (Generated(manifests={"kube-scheduler": "s"}), True, False),
        (Generated(kubelet={"config.yaml": "k"}), True, False),
        (Generated(config_maps={"kubelet-config": {"kubelet": "k"}}), False, False),
        (Generated(), False, False),
    ],
)
def test_what_a_plan_restarts(wanted: Generated, restarts: bool, restarts_etcd: bool) -> None:
    planned = drift.plan(wanted, Live(), ["a.example"])
    assert (drift.restarts(planned), drift.restarts_etcd(planned)) == (restarts, restarts_etcd)


def test_another_version_is_an_upgrade() -> None:
    assert not drift.refuse_version("v1.36.3", "v1.36.3")
    assert drift.refuse_version("v1.36.4", "v1.36.3")[0].rule == "version_change"


def test_static_pod_is_read_without_yaml() -> None:
    pod = static_pod.parse(BORN)
    assert pod.image == "registry.k8s.io/etcd:3.6.8-0"
    assert pod.version == "3.6.8-0"
    assert pod.argument("advertise-client-urls") == f"https://{ADDRESS}:2379"
    assert pod.argument("no-such-flag", "default") == "default"


def test_local_api_server() -> None:
    pod = static_pod.parse(
        "    - --advertise-address=2001:db8::1\n    - --secure-port=7443\n    - --etcd-servers=https://127.0.0.1:2379\n"
    )
    assert static_pod.local_url(pod) == "https://[2001:db8::1]:7443"
    assert static_pod.uses_local_etcd(pod)
    assert static_pod.local_url(static_pod.parse("")) == ""
