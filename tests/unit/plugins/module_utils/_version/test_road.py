# SPDX-License-Identifier: GPL-3.0-or-later
"""The road: its hops, their order, what refuses one, and that no step of it breaks the skew policy."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.kubeops.cluster.plugins.module_utils._version import road, skew
from ansible_collections.kubeops.cluster.plugins.module_utils._version.model import (
    Observation,
    observation_from_mapping,
)
from ansible_collections.kubeops.cluster.plugins.module_utils._version.version import KubeVersion

V = KubeVersion.parse
BUNDLE = tuple(map(V, ("1.34.9", "1.35.6", "1.36.3")))
BESIDE = {V("1.35.6"): road.Bundled(etcd=V("3.6.6"), coredns=V("1.13.1"))}
STATIC = ("kube-apiserver", "kube-controller-manager", "kube-scheduler")
LOCAL = ["kube-controller-manager", "kube-scheduler"]


def control_plane(name: str, version: str, *, etcd: str = "3.6.5", kubelet: str = "", **more: Any) -> dict[str, Any]:
    components = {**dict.fromkeys(STATIC, version), "etcd": etcd, "kubelet": kubelet or version, "kubeadm": version}
    return {"name": name, "control_plane": True, "components": components, "local": LOCAL, **more}


def worker(name: str, version: str, proxy: str = "") -> dict[str, Any]:
    return {"name": name, "components": {"kubelet": version, "kube-proxy": proxy or version, "kubeadm": version}}


def cluster(*nodes: dict[str, Any], coredns: str = "1.12.1") -> Observation:
    return observation_from_mapping({"nodes": nodes, "coredns": coredns})


FIVE = cluster(
    control_plane("cp1", "1.34.9", etcd_leader=True),
    control_plane("cp2", "1.34.9"),
    control_plane("cp3", "1.34.9"),
    worker("w1", "1.34.9"),
    worker("w2", "1.34.9"),
)


def built(observed: Observation, target: str, **wishes: Any) -> road.Road:
    return road.build(observed, road.Wishes(V(target), **{"available": BUNDLE, **wishes}))


def shape(found: road.Road) -> list[tuple[str, str, str]]:
    return [(hop.kind, str(hop.origin), str(hop.to)) for hop in found.hops]


def moments(observed: Observation, found: road.Road) -> Iterator[Observation]:
    """The cluster after every single step."""
    for hop in found.hops:
        for step in hop.steps:
            observed = road.after(observed, replace(hop, steps=(step,)))
            yield observed


def test_two_minors_are_two_hops() -> None:
    found = built(FIVE, "1.36.3")
    assert shape(found) == [("minor", "1.34.9", "1.35.6"), ("minor", "1.35.6", "1.36.3")]
    first = found.hops[0]
    assert first.nodes(road.CONTROL_PLANE) == ("cp2", "cp3", "cp1"), "etcd's leader is the last"
    assert first.nodes(road.KUBELETS) == ("cp2", "cp3", "cp1", "w1", "w2")


def test_api_server_before_its_clients_and_kubelets_after_the_last_api_server() -> None:
    hop = built(FIVE, "1.35.6", bundled=BESIDE).hops[0]
    place = {(step.node, step.component): number for number, step in enumerate(hop.steps)}
    for node in ("cp1", "cp2", "cp3"):
        assert place[node, "etcd"] < place[node, "kube-apiserver"] < place[node, "kube-scheduler"]
        assert place[node, "kube-scheduler"] < place[node, "kubelet"]
    assert max(place[node, "kube-apiserver"] for node in ("cp1", "cp2", "cp3")) < place["", "kube-proxy"]
    assert place["", "kube-proxy"] < place["w1", "kubelet"]


@pytest.mark.parametrize("workers", [road.EVERY_HOP, road.LAST_HOP])
@pytest.mark.parametrize("lag", ["1.34.9", "1.33.1", "1.32.1", "1.31.1"])
def test_no_step_breaks_the_policy(workers: str, lag: str) -> None:
    observed = cluster(
        control_plane("cp1", "1.34.9", etcd_leader=True),
        control_plane("cp2", "1.34.9"),
        worker("w1", "1.34.9"),
        worker("w2", lag, proxy="1.34.9"),
    )
    found = built(observed, "1.36.3", workers=workers)
    for moment in moments(observed, found):
        wrong = [verdict.rule for verdict in skew.verdicts(moment) if verdict.status == "error"]
        assert not wrong
    assert not built(moment, "1.36.3", workers=workers).hops, "at the end nothing is left"


def test_workers_may_wait_for_the_last_hop() -> None:
    found = built(FIVE, "1.36.3", workers=road.LAST_HOP)
    assert [hop.nodes(road.KUBELETS) for hop in found.hops] == [
        ("cp2", "cp3", "cp1"),
        ("cp2", "cp3", "cp1", "w1", "w2"),
    ]


def test_nothing_to_do() -> None:
    assert built(FIVE, "1.34.9").hops == ()


def test_patch() -> None:
    assert shape(built(FIVE, "1.34.11", available=())) == [("patch", "1.34.9", "1.34.11")]


def test_kubelets_alone() -> None:
    observed = cluster(control_plane("cp1", "1.36.3", etcd="3.6.8"), worker("w1", "1.34.9", "1.36.3"), coredns="1.14.2")
    found = built(observed, "1.36.3")
    assert shape(found) == [("catch_up", "1.36.3", "1.36.3")]
    assert {(step.node, step.component) for step in found.hops[0].steps} == {("w1", "kubeadm"), ("w1", "kubelet")}


@pytest.mark.parametrize("component", ["kubectl", "kubeadm"])
def test_no_node_is_drained_for_a_client(component: str) -> None:
    late = {"name": "w1", "components": {"kubelet": "1.36.3", "kube-proxy": "1.36.3", component: "1.35.6"}}
    observed = cluster(control_plane("cp1", "1.36.3", etcd="3.6.8"), late, coredns="1.14.2")
    assert built(observed, "1.36.3").hops == ()
    behind = {**late, "components": {**late["components"], "kubelet": "1.35.6"}}
    (hop,) = built(cluster(control_plane("cp1", "1.36.3", etcd="3.6.8"), behind, coredns="1.14.2"), "1.36.3").hops
    assert {step.component for step in hop.steps} == {"kubelet", component}, "but it goes with the kubelet"


def test_a_begun_hop_is_ended_first() -> None:
    observed = cluster(control_plane("cp1", "1.35.6", kubelet="1.34.9"), control_plane("cp2", "1.34.9"))
    found = built(observed, "1.36.3")
    assert shape(found) == [("minor", "1.34.9", "1.35.6"), ("minor", "1.35.6", "1.36.3")]
    steps = {(step.node, step.component) for step in found.hops[0].steps}
    assert ("cp1", "kube-apiserver") not in steps
    assert {("cp1", "kubelet"), ("cp2", "kube-apiserver")} <= steps


BEGUN = cluster(control_plane("cp1", "1.35.4"), worker("w1", "1.34.9"))


@pytest.mark.parametrize(
    ("available", "hops"),
    [
        ((), [("catch_up", "1.35.4", "1.35.4"), ("minor", "1.35.4", "1.36.3")]),
        (("1.35.4", "1.35.6", "1.36.3"), [("catch_up", "1.35.4", "1.35.4"), ("minor", "1.35.4", "1.36.3")]),
        (("1.35.5", "1.35.6", "1.36.3"), [("patch", "1.35.4", "1.35.6"), ("minor", "1.35.6", "1.36.3")]),
        (("1.35.3", "1.36.3"), []),
        (("1.36.3",), []),
    ],
)
def test_a_begun_hop_ends_at_what_can_be_installed(
    available: tuple[str, ...], hops: list[tuple[str, str, str]]
) -> None:
    wishes = road.Wishes(V("1.36.3"), available=tuple(map(V, available)))
    assert shape(road.build(BEGUN, wishes)) == hops
    assert [finding.rule for finding in road.why_not(BEGUN, wishes)] == ([] if hops else ["road.begun_hop"])


def test_kubelets_that_would_fall_too_far_behind_go_first() -> None:
    observed = cluster(control_plane("cp1", "1.35.6"), worker("w1", "1.32.1", "1.35.6"))
    found = built(observed, "1.36.3", workers=road.LAST_HOP)
    assert shape(found) == [("catch_up", "1.35.6", "1.35.6"), ("minor", "1.35.6", "1.36.3")]
    assert found.hops[0].nodes(road.KUBELETS) == ("w1",)


@pytest.mark.parametrize(
    ("target", "rule", "seen"),
    [
        ("1.33.13", "road.downgrade", "kube-apiserver 1.34.9 is newer"),
        ("1.34.8", "road.downgrade", "kube-apiserver 1.34.9 is newer"),
        ("1.37.0", "road.minor_skipped", "has to stop at 1.36, and no 1.36 is available"),
        ("1.35.8", "road.unavailable", "available are 1.34.9, 1.35.6"),
    ],
)
def test_refused(target: str, rule: str, seen: str) -> None:
    wishes = road.Wishes(V(target), available=BUNDLE[:2])
    found = [finding for finding in road.why_not(FIVE, wishes) if finding.rule == rule]
    assert seen in found[0].message
    assert found[0].fix
    assert road.build(FIVE, wishes).hops == ()


def test_stops_come_from_the_release_data_where_nothing_says_what_is_available() -> None:
    assert shape(built(FIVE, "1.36.3", available=())) == [("minor", "1.34.9", "1.35.8"), ("minor", "1.35.8", "1.36.3")]


@pytest.mark.parametrize(
    ("kept", "wishes", "beside"),
    [
        ({}, {}, {"etcd", "coredns"}),
        ({"etcd_pinned": True}, {}, {"coredns"}),
        ({}, {"etcd": False}, {"coredns"}),
        ({"coredns_pinned": True}, {}, {"etcd"}),
    ],
)
def test_what_is_kept_as_it_is_is_no_step(kept: dict[str, bool], wishes: dict[str, Any], beside: set[str]) -> None:
    steps = built(replace(FIVE, **kept), "1.35.6", bundled=BESIDE, **wishes).hops[0].steps
    assert {step.component for step in steps} & {"etcd", "coredns"} == beside


@pytest.mark.parametrize(
    ("version", "target", "hops"),
    [
        ("1.34.1", "1.34.1", []),
        ("1.34.11", "1.34.11", [("catch_up", "1.34.11", "1.34.11")]),
        ("1.34.1", "1.34.11", [("patch", "1.34.1", "1.34.11")]),
    ],
)
def test_release_data_tell_of_the_newest_patch_only(
    version: str, target: str, hops: list[tuple[str, str, str]]
) -> None:
    observed = cluster(control_plane("cp1", version, etcd="3.6.4"), worker("w1", version))
    assert shape(built(observed, target, available=())) == hops


def test_what_is_beside_kubernetes_as_the_bundle_has_it() -> None:
    bundled = {V("1.35.6"): road.Bundled(etcd=V("3.6.7"), coredns=None)}
    steps = built(FIVE, "1.35.6", bundled=bundled).hops[0].steps
    assert {str(step.to) for step in steps if step.component == "etcd"} == {"3.6.7"}
    assert not [step for step in steps if step.component == "coredns"]
