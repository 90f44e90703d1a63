# SPDX-License-Identifier: GPL-3.0-or-later
"""Gates: a healthy cluster passes all, each fault is refused by its own gate, and each can be switched off."""

from __future__ import annotations

import copy
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from ansible_collections.kubeops.cluster.plugins.module_utils._drain.predict import Accepted
from ansible_collections.kubeops.cluster.plugins.module_utils._gates import settings
from ansible_collections.kubeops.cluster.plugins.module_utils._gates.assemble import Seen
from ansible_collections.kubeops.cluster.plugins.module_utils._gates.cluster import (
    cloud_controllers,
    deprecated,
    image_version,
    written_fields,
)
from ansible_collections.kubeops.cluster.plugins.module_utils._gates.gates import Limits
from ansible_collections.kubeops.cluster.plugins.module_utils._gates.plan import (
    Options,
    Pace,
    UpgradePlan,
    plan,
    plan_without_cluster,
)
from ansible_collections.kubeops.cluster.plugins.module_utils._gates.webhooks import webhook_summary
from ansible_collections.kubeops.cluster.plugins.module_utils._kubeadm.output import pinned
from ansible_collections.kubeops.cluster.plugins.module_utils._version.road import Wishes
from ansible_collections.kubeops.cluster.plugins.module_utils._version.version import KubeVersion

Data = dict[str, Any]
TODAY = date(2026, 11, 21)
STATIC = ("kube-apiserver", "kube-controller-manager", "kube-scheduler")
NODES = ("cp1", "cp2", "cp3", "w1")
YEAR = 365 * 86400.0


def member(name: str, **more: Any) -> Data:
    healthy = {"id": name, "name": name, "healthy": True, "works": True, "is_learner": False}
    healthy |= {"version": "3.6.6", "errors": []}
    return {**healthy, "leader": name == "cp1", **more}


def pod(node: str, component: str) -> Data:
    image = f"registry.k8s.io/{component}:" + ("3.6.6-0" if component == "etcd" else "v1.35.6")
    return {"node": node, "component": component, "image": image, "ready": True}


def healthy_cluster() -> Data:
    control_planes = NODES[:3]
    return {
        "nodes": [{"name": name, "ready": True, "unschedulable": False, "version": "v1.35.6"} for name in NODES],
        "components": [pod(name, component) for name in control_planes for component in (*STATIC, "etcd")],
        "api_servers": dict.fromkeys(control_planes, "v1.35.6"),
        "deprecated_apis": [{"group": "", "version": "v1", "resource": "componentstatuses", "removed_release": ""}],
        "deprecated_apis_unread": [],
        "kube_proxies": dict.fromkeys(NODES, "1.35.6"),
        "proxy_gates": {},
        "coredns": "1.13.1",
        "customisations": [],
        "cloud_controllers": [],
        "webhooks": [],
        "etcd": {"members": [member(name) for name in control_planes], "error": ""},
        "etcd_pinned": False,
        "coredns_pinned": False,
        "evicted_pods": {"w1": 7},
        "drain": {"nodes": [{"name": name} for name in NODES], "pods": [], "budgets": []},
    }


def healthy_node(name: str) -> Data:
    return {
        "name": name,
        "busy": False,
        "api_ready": True if name.startswith("cp") else None,
        "kubelet_healthy": True,
        "binaries": {"kubeadm": "v1.35.6", "kubectl": "v1.35.6"},
        "runtime": {"name": "containerd", "version": "2.1.4"},
        "cgroup": 2,
        "flags": {},
        "gates": {},
        "local": ["kube-controller-manager", "kube-scheduler"],
        "disk": {"/": {"free_mib": 9000}, "/var/lib/containerd": {"free_mib": 9000}},
        "etcd_data_mib": 100,
        "certificates": [{"name": "apiserver", "seconds_left": YEAR}],
        "certificates_note": "",
        "drift": {},
        "drift_note": "",
        "kubelet_drift": "",
        "kubelet_drift_note": "",
    }


def planned(
    cluster: Data,
    nodes: Data,
    unreachable: tuple[str, ...] = (),
    target: str = "1.36.3",
    strangers: tuple[str, ...] = (),
    **skip: str,
) -> UpgradePlan:
    wishes = Wishes(KubeVersion.parse(target))
    limits = Limits({"/": 1024}, 86400.0)
    reasons = {rule.replace("__", "."): reason for rule, reason in skip.items()}
    options = Options(wishes, limits, reasons, Pace(), accepted=Accepted())
    return plan(Seen(cluster, nodes, unreachable, strangers), {}, options, TODAY)


def verdicts(made: UpgradePlan) -> dict[str, str]:
    return {entry.rule: entry.status for entry in made.verdicts if entry.status != "ok"}


def everything() -> tuple[Data, Data]:
    return healthy_cluster(), {name: healthy_node(name) for name in NODES}


def test_a_healthy_cluster_may_go() -> None:
    made = planned(*everything())
    assert verdicts(made) == {}
    assert made.as_dict()["allowed"]
    assert made.as_dict()["support"]["end_of_life"] == "2027-06-28"
    assert made.disruption["api_server_restarts"] == 3
    assert made.disruption["nodes_drained"] == ["cp2", "cp3", "cp1", "w1"]
    assert made.disruption["pods_evicted"] == 7
    assert "The upgrade may go ahead" in made.as_dict()["table"]
    assert "Support of 1.36: released 2026-04-22, security fixes only after 2027-04-28" in made.as_dict()["table"]


def not_ready(cluster: Data, nodes: Data) -> None:
    cluster["nodes"][3]["ready"] = False


def cordoned(cluster: Data, nodes: Data) -> None:
    cluster["nodes"][3]["unschedulable"] = True


def component_down(cluster: Data, nodes: Data) -> None:
    cluster["components"][0]["ready"] = False


def api_server_down(cluster: Data, nodes: Data) -> None:
    nodes["cp1"]["api_ready"] = False


def kubelet_down(cluster: Data, nodes: Data) -> None:
    nodes["w1"]["kubelet_healthy"] = False


def busy(cluster: Data, nodes: Data) -> None:
    nodes["w1"]["busy"] = True


def member_down(cluster: Data, nodes: Data) -> None:
    cluster["etcd"]["members"][1] = member("cp2", healthy=False, works=False, errors=["does not answer"])


def learner(cluster: Data, nodes: Data) -> None:
    cluster["etcd"]["members"][1] = member("cp2", is_learner=True)


def alarm(cluster: Data, nodes: Data) -> None:
    errors = ["memberID:1 alarm:NOSPACE "]
    cluster["etcd"]["members"] = [member(name, healthy=False, errors=errors) for name in NODES[:3]]


def one_member(cluster: Data, nodes: Data) -> None:
    cluster["etcd"]["members"] = [member("cp1")]


def etcd_silent(cluster: Data, nodes: Data) -> None:
    cluster["etcd"] = {"members": [], "error": "no answer"}


def disk_full(cluster: Data, nodes: Data) -> None:
    nodes["cp1"]["disk"]["/"]["free_mib"] = 1100


def disk_not_measured(cluster: Data, nodes: Data) -> None:
    del nodes["cp1"]["disk"]["/"]


def expired(cluster: Data, nodes: Data) -> None:
    nodes["cp1"]["certificates"][0]["seconds_left"] = -3600.0


def ends_today(cluster: Data, nodes: Data) -> None:
    nodes["cp1"]["certificates"][0]["seconds_left"] = 7200.0


def deprecated_api(cluster: Data, nodes: Data) -> None:
    api = {"group": "flowcontrol.apiserver.k8s.io", "version": "v1beta3", "resource": "flowschemas"}
    cluster["deprecated_apis"].append({**api, "removed_release": "1.36"})


def api_server_that_does_not_tell(cluster: Data, nodes: Data) -> None:
    cluster["deprecated_apis_unread"] = ["cp2"]


def changed_by_hand(cluster: Data, nodes: Data) -> None:
    nodes["cp1"]["drift"] = {"kube-apiserver": "-    - --v=9"}


def not_compared(cluster: Data, nodes: Data) -> None:
    nodes["cp1"]["drift_note"] = "kubeadm is v1.36.3, and no kubeadm v1.35.6, which wrote them, is on the node"


def kubelet_changed_by_hand(cluster: Data, nodes: Data) -> None:
    nodes["w1"]["kubelet_drift"] = "-maxPods: 50"


def kubelet_not_compared(cluster: Data, nodes: Data) -> None:
    nodes["cp1"]["kubelet_drift_note"] = "kubeadm cannot generate this node's configuration"


def dead_webhook(cluster: Data, nodes: Data) -> None:
    cluster["webhooks"] = [{"name": "policy/pods", "fails_closed": True, "touches": ["pods"], "serving": False}]


def webhook(cluster: Data, nodes: Data) -> None:
    cluster["webhooks"] = [{"name": "policy/pods", "fails_closed": True, "touches": ["pods"], "serving": True}]


def customised(cluster: Data, nodes: Data) -> None:
    cluster["customisations"] = [
        {"object": "configmaps/coredns", "manager": "kubectl-edit", "fields": ["data.Corefile"]}
    ]


def changes(cluster: Data, *fields: str) -> None:
    cluster["customisations"] = [{"object": "deployments/coredns", "manager": "kubectl-edit", "fields": list(fields)}]


def coredns_changed_by_hand(cluster: Data, nodes: Data) -> None:
    changes(cluster, "spec.replicas", "spec.template.spec.containers[coredns].resources.limits.memory")


def coredns_scaled_and_restarted(cluster: Data, nodes: Data) -> None:
    annotations = "spec.template.metadata.annotations.kubectl.kubernetes.io/restartedAt"
    changes(cluster, "metadata.annotations", "spec.replicas", annotations)


def cloud_controller(cluster: Data, nodes: Data) -> None:
    cluster["cloud_controllers"] = [
        {"node": "cp1", "image": "registry.k8s.io/provider-aws/cloud-controller-manager:v1.34.0"}
    ]


def not_observed(cluster: Data, nodes: Data) -> None:
    del nodes["w1"]


def kubelet_four_behind(cluster: Data, nodes: Data) -> None:
    cluster["nodes"][3]["version"] = "v1.31.14"


def kubelet_newer(cluster: Data, nodes: Data) -> None:
    cluster["nodes"][3]["version"] = "v1.36.0"


def old_etcd(cluster: Data, nodes: Data) -> None:
    cluster["etcd"]["members"] = [member(name, version="3.5.1") for name in NODES[:3]]


def removed_flag(cluster: Data, nodes: Data) -> None:
    nodes["cp1"]["flags"] = {"kubelet": ["cloud-config"]}


def removed_gate(cluster: Data, nodes: Data) -> None:
    nodes["cp1"]["gates"] = {"kube-apiserver": {"ServiceTrafficDistribution": True}}


def removed_gate_of_kube_proxy(cluster: Data, nodes: Data) -> None:
    cluster["proxy_gates"] = {"ServiceTrafficDistribution": True}


WEB = {"namespace": "shop", "owner": "ReplicaSet/web", "labels": {"app": "web"}, "empty_dirs": []}


def drains(cluster: Data, allowed: int, healthy: int, desired: int, *pods: Data) -> None:
    budget = {"namespace": "shop", "name": "web", "selector": {"matchLabels": {"app": "web"}}, "expected": 2}
    cluster["drain"]["budgets"] = [{**budget, "allowed": allowed, "healthy": healthy, "desired": desired}]
    cluster["drain"]["pods"] = [{**WEB, **pod} for pod in pods]


def unmanaged_pod(cluster: Data, nodes: Data) -> None:
    drains(cluster, 1, 2, 1, {"name": "alone", "node": "w1", "owner": ""})


def empty_dir(cluster: Data, nodes: Data) -> None:
    drains(cluster, 1, 2, 1, {"name": "web-1", "node": "w1", "empty_dirs": ["cache"]})


def budget_never_allows(cluster: Data, nodes: Data) -> None:
    drains(cluster, 0, 2, 2, {"name": "web-1", "node": "w1"})


def budget_does_not_allow_now(cluster: Data, nodes: Data) -> None:
    drains(cluster, 0, 1, 1, {"name": "web-1", "node": "w1"})


FAULTS: list[tuple[Callable[[Data, Data], None], dict[str, str]]] = [
    (not_ready, {"gate.nodes": "error"}),
    (cordoned, {"gate.nodes": "warning"}),
    (component_down, {"gate.components": "error"}),
    (api_server_down, {"gate.components": "error"}),
    (kubelet_down, {"gate.nodes": "error"}),
    (busy, {"gate.nodes": "error"}),
    (member_down, {"gate.etcd": "error", "gate.quorum": "error"}),
    (learner, {"gate.learner": "error", "gate.quorum": "error"}),
    (alarm, {"gate.etcd": "error", "gate.alarm": "error"}),
    (one_member, {"gate.quorum": "warning"}),
    (etcd_silent, {"gate.etcd": "error"}),
    (disk_full, {"gate.disk": "error"}),
    (disk_not_measured, {"gate.disk": "warning"}),
    (expired, {"gate.certificates": "error"}),
    (ends_today, {"gate.certificates": "error"}),
    (deprecated_api, {"gate.deprecated_apis": "error"}),
    (api_server_that_does_not_tell, {"gate.deprecated_apis": "warning"}),
    (changed_by_hand, {"gate.drift": "error"}),
    (not_compared, {"gate.drift": "error"}),
    (kubelet_changed_by_hand, {"gate.drift": "warning"}),
    (kubelet_not_compared, {"gate.drift": "warning"}),
    (dead_webhook, {"gate.webhooks": "error"}),
    (webhook, {"gate.webhooks": "warning"}),
    (customised, {"gate.customisations": "warning"}),
    (coredns_changed_by_hand, {"gate.customisations": "error"}),
    (coredns_scaled_and_restarted, {"gate.customisations": "warning"}),
    (cloud_controller, {"gate.cloud_controllers": "warning"}),
    (not_observed, {"gate.observed": "warning"}),
    (kubelet_four_behind, {"skew.kubelet": "error", "skew.kube_proxy": "error", "skew.kubeadm": "warning"}),
    (kubelet_newer, {"skew.kubelet": "error", "skew.kubeadm": "warning"}),
    (old_etcd, {"floor.etcd": "error"}),
    (removed_flag, {"removed.flags": "error"}),
    (removed_gate, {"removed.feature_gates": "error"}),
    (removed_gate_of_kube_proxy, {"removed.feature_gates": "error"}),
    (unmanaged_pod, {"gate.drain": "error"}),
    (empty_dir, {"gate.drain": "error"}),
    (budget_never_allows, {"gate.drain": "error"}),
    (budget_does_not_allow_now, {"gate.drain": "warning"}),
]


@pytest.mark.parametrize(("fault", "expected"), FAULTS, ids=[fault.__name__ for fault, _expected in FAULTS])
def test_each_fault_has_its_gate_with_a_way_out(fault: Callable[[Data, Data], None], expected: dict[str, str]) -> None:
    cluster, nodes = copy.deepcopy(everything())
    fault(cluster, nodes)
    made = planned(cluster, nodes)
    assert verdicts(made) == expected
    assert made.as_dict()["allowed"] is ("error" not in expected.values())
    for entry in made.verdicts:
        assert all(finding.fix for finding in entry.findings)


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (None, {}),
        (expired, {"gate.certificates": "error"}),
        (ends_today, {"gate.certificates": "error"}),
        (api_server_down, {"gate.components": "error"}),
        (kubelet_down, {"gate.nodes": "error"}),
        (disk_full, {"gate.disk": "error"}),
    ],
)
def test_without_a_cluster_nodes_say_why(fault: Callable[[Data, Data], None] | None, expected: dict[str, str]) -> None:
    cluster, nodes = everything()
    if fault:
        fault(cluster, nodes)
    options = Options(Wishes(KubeVersion.parse("1.36.3")), Limits({"/": 1024}), {"cluster": "we know"}, Pace())
    made = plan_without_cluster(Seen({}, nodes), "cp1: its certificate is over", options)
    assert verdicts(made) == {**expected, "cluster": "error"}
    found = made.as_dict()
    assert not found["allowed"] and found["road"]["hops"] == []
    assert "cp1: its certificate is over" in found["table"]


@pytest.mark.parametrize(("fault", "playbook"), [(expired, "recover_certif"), (ends_today, "renew_certif")])
def test_the_way_out_of_certificates(fault: Callable[[Data, Data], None], playbook: str) -> None:
    cluster, nodes = everything()
    fault(cluster, nodes)
    assert playbook in planned(cluster, nodes).as_dict()["table"]


@pytest.mark.parametrize(("target", "rule"), [("1.35.5", "road"), ("1.39.0", "road")])
def test_downgrades_and_skipped_minors_are_refused(target: str, rule: str) -> None:
    assert verdicts(planned(*everything(), target=target))[rule] == "error"


@pytest.mark.parametrize(
    ("target", "available", "etcd", "wanted"),
    [
        ("1.36.3", (), True, 1024 + 100),
        ("1.37.0", ("1.36.3", "1.37.0"), True, 1024 + 200),
        ("1.38.0", ("1.36.3", "1.37.0", "1.38.0"), True, 1024 + 200),
        ("1.37.0", ("1.36.3", "1.37.0"), False, 1024),
        ("1.35.6", (), True, 1024),
    ],
)
def test_room_for_kubeadms_copies_of_etcd(target: str, available: tuple[str, ...], etcd: bool, wanted: int) -> None:
    wishes = Wishes(KubeVersion.parse(target), tuple(map(KubeVersion.parse, available)), etcd=etcd)
    for free, status in ((wanted, "ok"), (wanted - 1, "error")):
        cluster, nodes = everything()
        nodes["cp1"]["disk"]["/"]["free_mib"] = free
        made = plan(Seen(cluster, nodes), {}, Options(wishes, Limits({"/": 1024}), {}, Pace()), TODAY)
        assert {entry.rule: entry.status for entry in made.verdicts}["gate.disk"] == status


def test_a_gate_is_switched_off_with_a_reason_alone_or_with_its_family() -> None:
    cluster, nodes = everything()
    disk_full(cluster, nodes)
    for rule in ("gate__disk", "gate"):
        made = planned(cluster, nodes, **{rule: "a bigger disk comes tonight"})
        assert verdicts(made)["gate.disk"] == "skipped"
        assert "Reason: a bigger disk comes tonight" in made.as_dict()["table"]
        assert made.as_dict()["allowed"]


def test_a_road_that_is_none_cannot_be_switched_off() -> None:
    made = planned(*everything(), target="1.35.5", road="we know")
    assert verdicts(made)["road"] == "error"
    assert not made.as_dict()["allowed"]


def test_the_way_past_a_kubelet_that_is_newer_than_the_api_servers() -> None:
    """Refused, until the operator says why the upgrade that the rule names may go ahead."""
    cluster, nodes = everything()
    kubelet_newer(cluster, nodes)
    (refused,) = planned(cluster, nodes).errors
    assert (
        "plan_upgrade_skip: {skew.kubelet: reason} upgrade every API server to 1.36.0 or newer"
        in refused.findings[0].fix
    )
    made = planned(cluster, nodes, skew__kubelet="the API servers follow")
    assert made.as_dict()["allowed"]
    (hop,) = made.road.hops
    assert (set(hop.nodes("control_plane")), str(hop.to)) == ({"cp1", "cp2", "cp3"}, "1.36.3")


@pytest.mark.parametrize(
    ("accepted", "batches", "status"),
    [
        (Accepted(), [["cp1", "w1"]], "error"),
        (Accepted(), [["cp1"], ["w1"]], "ok"),
        (None, [["cp1", "w1"]], None),
    ],
)
def test_drains_are_judged_in_their_real_batches(
    accepted: Accepted | None, batches: list[list[str]], status: str | None
) -> None:
    cluster, nodes = everything()
    drains(cluster, 1, 2, 1, {"name": "web-1", "node": "cp1"}, {"name": "web-2", "node": "w1"})
    cluster["drain"]["nodes"] = [{"name": "cp1"}, {"name": "w1"}]
    wishes = Wishes(KubeVersion.parse("1.36.3"))
    options = Options(wishes, Limits(), {}, Pace(), batches=lambda hop: batches, accepted=accepted)
    made = plan(Seen(cluster, nodes), {}, options, TODAY)
    assert {entry.rule: entry.status for entry in made.verdicts}.get("gate.drain") == status


@pytest.mark.parametrize(
    ("component", "etcd", "status"),
    [("etcd", True, "error"), ("etcd", False, "ok"), ("kube-apiserver", False, "error")],
)
def test_drift_of_etcd_counts_where_it_is_upgraded(component: str, etcd: bool, status: str) -> None:
    cluster, nodes = everything()
    nodes["cp1"]["drift"] = {component: "-    - --quota-backend-bytes=1"}
    wishes = Wishes(KubeVersion.parse("1.36.3"), etcd=etcd)
    made = plan(Seen(cluster, nodes), {}, Options(wishes, Limits(), {}, Pace()), TODAY)
    assert {entry.rule: entry.status for entry in made.verdicts}["gate.drift"] == status
    assert bool(made.diffs) is (status == "error")


@pytest.mark.parametrize(
    ("api_server", "kubelet", "kubeadm", "compared"),
    [
        pytest.param("v1.35.6", "v1.35.6", "1.35.6", True, id="before"),
        pytest.param("v1.36.3", "v1.35.6", "1.35.6", False, id="the cluster's is newer already"),
        pytest.param("v1.35.6", "v1.35.6", "1.36.3", False, id="another kubeadm would write it"),
        pytest.param("v1.35.6", "v1.35.6", "", False, id="nobody would write it"),
    ],
)
def test_kubelets_are_compared_outside_of_upgrades(api_server: str, kubelet: str, kubeadm: str, compared: bool) -> None:
    cluster, nodes = everything()
    kubelet_changed_by_hand(cluster, nodes)
    cluster["api_servers"]["cp1"], cluster["nodes"][3]["version"] = api_server, kubelet
    nodes["w1"]["binaries"]["kubeadm"] = kubeadm
    made = planned(cluster, nodes)
    assert ({entry.rule: entry.status for entry in made.verdicts}["gate.drift"] == "warning") is compared
    assert made.diffs == ({"w1": {"kubelet": "-maxPods: 50"}} if compared else {})


def test_an_unreachable_host_refuses_and_can_be_left_out() -> None:
    made = planned(*everything(), unreachable=("w8", "w9"))
    assert verdicts(made) == {"gate.observed": "error"}
    (finding,) = made.errors[0].findings
    assert finding.fix.endswith("--limit '!w8:!w9'")


@pytest.mark.parametrize(("target", "level"), [("1.36.3", "error"), ("1.35.6", "warning")])
def test_a_host_that_is_no_node_is_named_and_stops_only_what_there_is_to_do(target: str, level: str) -> None:
    made = planned(*everything(), target=target, strangers=("w9",))
    assert verdicts(made)["gate.observed"] == level
    ((finding,),) = [entry.findings for entry in made.verdicts if entry.rule == "gate.observed"]
    assert finding.fix == "join it first (create_cluster.yml), or leave it out with --limit '!w9'"


def test_settings() -> None:
    assert settings.flag_names('KUBELET_KUBEADM_ARGS="--a-b=1 --node-ip=::1"') == ["a-b", "node-ip"]
    assert settings.feature_gates("A=true,B=false") == {"A": True, "B": False}
    assert (
        settings.flag_value("--feature-gates=A=true --v=2 --feature-gates B=false", "feature-gates") == "A=true,B=false"
    )
    assert settings.flag_value("--v=2", "feature-gates") == ""
    document = "authentication: {}\nfailCgroupV1: false\nfeatureGates:\n  A: true\n  B: false\nfileCheck: 0s\n"
    assert settings.yaml_gates(document) == {"A": True, "B": False}
    assert settings.yaml_gates("a: b\n") == {}
    assert settings.yaml_scalar(document, "failCgroupV1") == "false"


@pytest.mark.parametrize(
    ("document", "gates"),
    [
        ("featureGates:\n  # hi\n  A: true\n", {"A": True}),
        ("featureGates: # why\n\n  A: true # so\n# left\n  \n  'B': false\nx: y\n", {"A": True, "B": False}),
        ('featureGates: {A: true, "B": false}\nC: true\n', {"A": True, "B": False}),
        ("featureGates: {A: true, # why\n  B: false}\n", {"A": True, "B": False}),
        ("# featureGates:\n#   A: true\nx:\n  featureGates:\n    A: true\n", {}),
        ("featureGates: {}\nA: true\n", {}),
        ("featureGates: null\nA: true\n", {}),
        ("kind: x\nfeatureGates:\nA: true\n", {}),
        ("", {}),
    ],
)
def test_feature_gates_of_a_document(document: str, gates: dict[str, bool]) -> None:
    assert settings.yaml_gates(document) == gates


def test_later_configurations_and_flags_win() -> None:
    documents = ["featureGates:\n  A: true\n  B: true\n  C: true\n", "featureGates: {B: false, C: false}\n"]
    assert settings.kubelet_gates(documents, "--feature-gates=C=true") == {"A": True, "B": False, "C": True}


PAUSE = "--pod-infra-container-image=registry.k8s.io/pause:3.10.1"
OWN = f'KUBELET_KUBEADM_ARGS="--node-ip=::1 {PAUSE}"\n'


UNIT = """\
EnvironmentFiles=/var/lib/kubelet/kubeadm-flags.env (ignore_errors=yes)
EnvironmentFiles=/etc/default/kubelet (ignore_errors=yes)
Environment=KUBELET_CONFIG_ARGS=--config=/var/lib/kubelet/config.yaml{}
ExecStart={{ path=/usr/bin/kubelet ; argv[]=/usr/bin/kubelet $KUBELET_CONFIG_ARGS $KUBELET_KUBEADM_ARGS ; pid=0 }}
"""


@pytest.mark.parametrize(
    ("dropped_in", "file", "names"),
    [
        pytest.param("", "", ["config", "node-ip"], id="kubeadm's own is taken out"),
        pytest.param(
            "", f"KUBELET_EXTRA_ARGS={PAUSE}\n", ["config", "node-ip", "pod-infra-container-image"], id="a file's stays"
        ),
        pytest.param(
            f' "X={PAUSE} --v=2"', "", ["config", "node-ip", "pod-infra-container-image", "v"], id="a drop-in's stays"
        ),
        pytest.param("", "# KUBELET_EXTRA_ARGS=--cloud-config=x\n", ["config", "node-ip"], id="a comment is none"),
    ],
)
def test_options_of_a_kubelet(dropped_in: str, file: str, names: list[str]) -> None:
    assert settings.flag_names(settings.kubelet_options(OWN, [UNIT.format(dropped_in), file])) == names


def test_files_of_a_unit() -> None:
    assert settings.environment_files(UNIT.format("")) == ["/var/lib/kubelet/kubeadm-flags.env", "/etc/default/kubelet"]


def test_deprecated_apis_of_a_metrics_page() -> None:
    name = "apiserver_requested_deprecated_apis"
    metrics = (
        f"# TYPE {name} gauge\n"
        f'{name}{{group="",removed_release="",resource="componentstatuses",subresource="",version="v1"}} 1\n'
        f'{name}{{group="a.io",removed_release="1.37",resource="things",subresource="",version="v1beta1"}} 1\n'
        f'{name}{{group="b.io",removed_release="1.37",resource="others",subresource="",version="v1beta1"}} 0\n'
    )
    assert [entry["resource"] for entry in deprecated(metrics)] == ["componentstatuses", "things"]
    assert deprecated(metrics)[1]["removed_release"] == "1.37"


@pytest.mark.parametrize(
    ("image", "version"),
    [
        ("registry.k8s.io/kube-proxy:v1.35.6", "1.35.6"),
        ("registry.example.com:5000/etcd:3.6.6-0", "3.6.6"),
        ("registry.k8s.io/coredns/coredns:v1.13.1@sha256:00", "1.13.1"),
        ("example.com/kube-proxy@sha256:00", ""),
        ("example.com/kube-proxy:latest", ""),
    ],
)
def test_image_version(image: str, version: str) -> None:
    assert image_version(image) == version


@pytest.mark.parametrize(
    ("config", "parts"),
    [
        ("etcd:\n  local:\n    imageTag: 3.6.4-0\ndns: {}\n", ["etcd"]),
        ("dns:\n  imageRepository: example.com\n  imageTag: v1.12.0\netcd:\n  local:\n    dataDir: /x\n", ["dns"]),
        ("dns: {}\netcd:\n  local:\n    dataDir: /x\n", []),
    ],
)
def test_pins_of_kubeadms_configuration(config: str, parts: list[str]) -> None:
    assert [part for part in ("etcd", "dns") if pinned(config, part)] == parts


def test_written_fields() -> None:
    container = {
        ".": {},
        "f:resources": {"f:limits": {"f:memory": {}}},
        "f:ports": {'k:{"port":53,"protocol":"UDP"}': {}},
    }
    containers = {"f:containers": {'k:{"name":"coredns"}': container}}
    fields = {"f:metadata": {"f:finalizers": {'v:"x"': {}}}, "f:spec": {"f:replicas": {}, "f:template": containers}}
    assert written_fields(fields) == [
        'metadata.finalizers["x"]',
        "spec.replicas",
        "spec.template.containers[coredns].resources.limits.memory",
        "spec.template.containers[coredns].ports[53,UDP]",
    ]
    assert written_fields({}) == []


@pytest.mark.parametrize(
    ("image", "found"),
    [
        ("registry.k8s.io/provider-os/openstack-cloud-controller-manager:v1.34.1", True),
        ("cloud-controller-manager", True),
        ("registry.k8s.io/kube-controller-manager:v1.35.6", False),
        ("example.com/cloud-controller-manager/proxy:v1", False),
    ],
)
def test_cloud_controllers(image: str, found: bool) -> None:
    pods = [{"spec": {"nodeName": "w1", "containers": [{"image": "example.com/sidecar:v1"}, {"image": image}]}}] * 2
    assert cloud_controllers(pods) == ([{"node": "w1", "image": image}] if found else [])


def test_webhook_summary() -> None:
    configuration = {"metadata": {"name": "policy"}}
    hook = {"name": "pods.example.com", "rules": [{"resources": ["pods", "widgets"]}]}
    expected = {"name": "policy/pods.example.com", "fails_closed": True, "touches": ["pods"], "serving": None}
    assert webhook_summary(configuration, hook, None) == expected
    assert not webhook_summary(configuration, {**hook, "failurePolicy": "Ignore"}, None)["fails_closed"]
