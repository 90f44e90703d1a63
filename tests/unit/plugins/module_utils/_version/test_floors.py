# SPDX-License-Identifier: GPL-3.0-or-later
"""What a release asks of what stands below and beside it, and release data laid over ours."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from ansible_collections.kubeops.cluster.plugins.module_utils._version import judge
from ansible_collections.kubeops.cluster.plugins.module_utils._version.model import observation_from_mapping
from ansible_collections.kubeops.cluster.plugins.module_utils._version.releases import KNOWN
from ansible_collections.kubeops.cluster.plugins.module_utils._version.road import Wishes
from ansible_collections.kubeops.cluster.plugins.module_utils._version.version import KubeVersion, Minor

TODAY = date(2026, 11, 21)
SERVER = {"kube-apiserver": "1.35.6"}


def statuses(target: str, today: date = TODAY, **node: Any) -> dict[str, str]:
    """Rules that are not ok, with their status, for one control plane on the way to a version."""
    components = {**SERVER, **node.pop("components", {})}
    observed = {"nodes": [{"name": "cp1", "control_plane": True, "components": components, **node}]}
    options = {"target": target, "available": [target], "end_of_life": node.get("end_of_life", "error")}
    found = judge.judge_mapping(observed, options, today)
    return {entry.rule: entry.status for entry in found.verdicts if entry.status != "ok"}


@pytest.mark.parametrize(
    ("target", "today", "expected"),
    [
        ("1.36.3", date(2026, 11, 21), {}),
        ("1.35.8", date(2027, 1, 1), {"support": "warning"}),
        ("1.35.8", date(2027, 3, 1), {"support": "error"}),
    ],
)
def test_support(target: str, today: date, expected: dict[str, str]) -> None:
    assert statuses(target, today) == expected


@pytest.mark.parametrize(
    ("etcd", "expected"),
    [
        ("3.6.6-0", {}),
        ("3.5.32", {}),
        ("3.5.24", {"floor.etcd": "warning"}),
        ("3.5.19", {"floor.etcd": "error"}),
        ("3.5.1", {"floor.etcd": "error"}),
        ("3.4.30", {"floor.etcd": "error"}),
    ],
)
def test_stacked_etcd(etcd: str, expected: dict[str, str]) -> None:
    assert statuses("1.36.3", components={"etcd": etcd}) == expected


def test_an_etcd_that_an_earlier_hop_replaces_is_judged_too() -> None:
    """Which etcd 1.37 brings is not known, and a hop before it brings 3.6."""
    assert statuses("1.37.0", components={"etcd": "3.5.19"})["floor.etcd"] == "error"


@pytest.mark.parametrize(
    ("etcd", "status"),
    [("3.6.8", "ok"), ("3.5.24", "ok"), ("3.5.23", "error"), ("3.5.1", "error"), ("3.4.30", "error")],
)
def test_external_etcd(etcd: str, status: str) -> None:
    nodes = [{"name": "cp1", "control_plane": True, "components": SERVER}]
    observed = {"nodes": nodes, "external_etcd": {"https://192.0.2.1:2379": etcd}}
    found = judge.judge_mapping(observed, {"target": "1.36.3"}, TODAY)
    assert {entry.rule: entry.status for entry in found.verdicts}["floor.etcd"] == status


@pytest.mark.parametrize(
    ("target", "node", "expected"),
    [
        ("1.36.3", {"runtime": "containerd", "runtime_version": "2.1.4"}, {}),
        ("1.36.3", {"runtime": "containerd", "runtime_version": "1.6.20~ds1"}, {"floor.container_runtime": "warning"}),
        ("1.36.3", {"runtime": "cri-o", "runtime_version": "1.34.0"}, {}),
        ("1.36.3", {"cgroup": 2}, {}),
        ("1.36.3", {"cgroup": 1}, {"floor.cgroup": "error"}),
        ("1.36.3", {"cgroup": 1, "cgroup_v1_accepted": True}, {"floor.cgroup": "warning"}),
        ("1.36.3", {"gates": {"kube-apiserver": {"MemoryManager": True}}}, {"removed.feature_gates": "error"}),
        ("1.35.8", {"gates": {"kubelet": {"MemoryManager": True}}}, {}),
        ("1.36.3", {"gates": {"kubelet": {"UserNamespacesSupport": False}}}, {"removed.feature_gates": "error"}),
        ("1.36.3", {"gates": {"kubelet": {"UserNamespacesSupport": True}}}, {}),
        ("1.36.3", {"flags": {"kubelet": ["cloud-config"]}}, {"removed.flags": "error"}),
        ("1.36.3", {"flags": {"kubelet": ["config"]}}, {}),
        ("1.36.3", {"flags": {"kubelet": ["pod-infra-container-image", "config"]}}, {"removed.flags": "error"}),
        ("1.36.3", {"flags": {"kube-apiserver": ["cloud-config"]}}, {}),
        ("1.36.3", {"flags": {"etcd": ["enable-v2", "data-dir"]}}, {"removed.flags": "error"}),
        ("1.36.3", {"flags": {"etcd": ["data-dir", "snapshot-count"]}}, {}),
        ("1.36.3", {"gates": {"kube-proxy": {"TopologyAwareHints": True}}}, {"removed.feature_gates": "error"}),
    ],
)
def test_nodes(target: str, node: dict[str, Any], expected: dict[str, str]) -> None:
    assert statuses(target, **node) == expected


@pytest.mark.parametrize(
    ("server", "target", "kept", "status"),
    [
        ("1.33.13", "1.34.9", {}, "error"),
        ("1.33.9", "1.33.13", {}, "ok"),
        ("1.33.13", "1.34.9", {"etcd_pinned": True}, "ok"),
        ("1.33.13", "1.34.9", {"etcd": False}, "ok"),
    ],
)
def test_flags_of_etcd_count_where_it_is_upgraded(server: str, target: str, kept: dict[str, bool], status: str) -> None:
    node = {"name": "cp1", "control_plane": True, "flags": {"etcd": ["experimental-enable-v2v3"]}}
    node["components"] = {"kube-apiserver": server, "etcd": "3.5.24"}
    observed = observation_from_mapping({"nodes": [node], "etcd_pinned": kept.get("etcd_pinned", False)})
    wishes = Wishes(KubeVersion.parse(target), etcd=kept.get("etcd", True))
    found = judge.judge(observed, TODAY, wishes).verdicts
    assert {entry.rule: entry.status for entry in found}["removed.flags"] == status


def test_a_minor_beyond_the_data_is_a_warning_not_a_crash() -> None:
    found = statuses("1.39.0", components={"kube-apiserver": "1.38.0"})
    assert set(found.values()) == {"warning"}
    assert {"support", "removed.flags", "removed.feature_gates"} <= set(found)


def test_newer_release_data_is_laid_over() -> None:
    data = {
        "as_of": "2027-01-10",
        "releases": {
            "1.36": {"latest": "1.36.9"},
            "1.38": {"released": "2026-12-16", "end_of_life": date(2028, 2, 28), "etcd": "3.6.0"},
        },
    }
    catalogue = KNOWN.with_overrides(data)
    assert catalogue.as_of == date(2027, 1, 10)
    assert catalogue.newest == Minor(1, 38)
    patched, added = catalogue.release(Minor(1, 36)), catalogue.release(Minor(1, 38))
    assert patched and patched.latest == "1.36.9" and patched.bundled_etcd == "3.6.8"
    assert added and added.etcd == (3, 6, 0) and added.latest == ""


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"eol": "2028-02-28"}, "1.38: 'eol' is no field"),
        ({"released": "2026-12-16"}, "1.38: end_of_life is missing"),
        ({"released": "soon", "end_of_life": "2028-02-28"}, "1.38: released is 'soon', no day"),
        ({"latest": "1.38"}, "1.38: latest: '1.38' is not a version"),
    ],
)
def test_wrong_release_data_names_minor_and_field(fields: dict[str, str], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        KNOWN.with_overrides({"releases": {"1.38": fields}})


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ("file.yml", "release_data is 'file.yml', no mapping"),
        ({"releases": ["1.36"]}, "releases is .*, no mapping"),
        ({"releases": {"1.36": ["1.36.9"]}}, "releases: 1.36 is .*, no mapping"),
        ({"removed": ["X"]}, "removed is .*, no mapping"),
        ({"removed": {"gates": ["X"]}}, "removed: gates is .*, no mapping"),
        ({"removed": {"locked_gates": {"X": "1.38"}}}, "removed: locked_gates: X is '1.38', no mapping"),
        ({"removed": {"locked_gates": {"X": {"since": "1.38"}}}}, "removed: locked_gates: X has no value"),
        ({"removed": {"flags": {"kubelet": ["x"]}}}, "removed: flags: kubelet is .*, no mapping"),
        ({"removed": {"apis": {"X": "1.38"}}}, "removed: apis is .*, no list"),
        ({"removed": {"apis": ["X"]}}, "removed: an entry of apis is 'X', no mapping"),
        ({"removed": {"apis": [{"kind": "X"}]}}, "removed: an entry of apis has no group_version"),
    ],
)
def test_release_data_of_another_shape_is_named(data: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        KNOWN.with_overrides(data)


@pytest.mark.parametrize(
    ("observed", "said"),
    [
        ("nodes", "what was observed is 'nodes', no mapping"),
        ({"nodes": "cp1"}, "nodes is 'cp1', no list"),
        ({"nodes": ["cp1"]}, "a node is 'cp1', no mapping"),
        ({"nodes": [{"components": {}}]}, "a node has no name"),
        ({"nodes": [{"name": "cp1", "components": ["kubelet"]}]}, "cp1: components is .*, no mapping"),
        ({"nodes": [{"name": "cp1", "flags": ["a"]}]}, "cp1: flags is .*, no mapping"),
        ({"nodes": [{"name": "cp1", "flags": {"kubelet": "a"}}]}, "cp1: flags of kubelet is 'a', no list"),
        ({"nodes": [{"name": "cp1", "gates": {"kubelet": ["A"]}}]}, "cp1: gates of kubelet is .*, no mapping"),
        ({"nodes": [{"name": "cp1", "local": "kubelet"}]}, "cp1: local is 'kubelet', no list"),
        ({"clients": ["1.36.3"]}, "clients is .*, no mapping"),
        ({"external_etcd": ["3.6.8"]}, "external_etcd is .*, no mapping"),
    ],
)
def test_an_observation_of_another_shape_is_named(observed: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        observation_from_mapping(observed)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"taget": "1.36.3"}, "'taget' is no option; known are target, "),
        ({"end_of_life": "eror"}, "end_of_life is 'eror', not one of warning, error"),
        ({"workers": "last"}, "workers is 'last', not one of every_hop, last_hop"),
        ({"target": "1.36.3", "available": "1.36.3"}, "available is '1.36.3', no list"),
        ({"release_data": "file.yml"}, "release_data is 'file.yml', no mapping"),
    ],
)
def test_options_that_are_none_are_named(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        judge.judge_mapping({"nodes": []}, options, TODAY)


@pytest.mark.parametrize(
    ("options", "minor", "end"),
    [
        ({"target": "1.36.3"}, "1.36", "2027-06-28"),
        ({}, "1.35", "2027-02-28"),
        ({"target": "1.39.0", "available": ["1.39.0"]}, "1.39", ""),
    ],
)
def test_support_dates_and_the_day_they_were_known(options: dict[str, Any], minor: str, end: str) -> None:
    observed = {"nodes": [{"name": "cp1", "control_plane": True, "components": SERVER}]}
    support = judge.judge_mapping(observed, options, TODAY).as_dict()["support"]
    assert (support["as_of"], support["minor"], support["end_of_life"]) == ("2026-09-12", minor, end)


def test_the_table_shows_rule_evidence_way_out_and_road() -> None:
    nodes = [{"name": "cp1", "control_plane": True, "components": {**SERVER, "etcd": "3.5.1"}}]
    text = judge.judge_mapping({"nodes": nodes}, {"target": "1.36.3"}, TODAY).as_dict()["table"]
    for part in ("error    floor.etcd", "etcd 3.5.1", "Fix: ", "Source: https://", "minor 1.35.6 -> 1.36.3"):
        assert part in text


@pytest.mark.parametrize(("target", "status"), [("1.35.6", "warning"), ("1.36.3", "error")])
def test_kubelets_too_far_behind_refuse_every_way_but_their_own_catch_up(target: str, status: str) -> None:
    late = {"name": "w1", "components": {"kubelet": "1.31.14"}}
    observed = {"nodes": [{"name": "cp1", "control_plane": True, "components": SERVER}, late]}
    found = judge.judge_mapping(observed, {"target": target}, TODAY)
    assert {entry.rule: entry.status for entry in found.verdicts}["skew.kubelet"] == status
    assert found.road and found.road.hops[0].kind == "catch_up"


def test_newer_data_of_removals() -> None:
    data = {
        "removed": {
            "known_up_to": "1.37",
            "gates": {"Gone": "1.37"},
            "locked_gates": {"Fixed": {"since": "1.37", "value": True}},
            "flags": {"kubelet": {"old-flag": "1.37"}},
            "apis": [{"group_version": "example.k8s.io/v1beta1", "kind": "Example", "since": "1.37"}],
        }
    }
    removals, target = KNOWN.with_overrides(data).removals, Minor(1, 37)
    assert removals.why_not_gate("Gone", True, target) == "feature gate Gone is unknown since 1.37"
    assert removals.why_not_gate("Fixed", False, target) == "feature gate Fixed is locked to true since 1.37"
    assert removals.why_not_flag("kubelet", "old-flag", target) == "--old-flag is unknown since 1.37"
    assert removals.why_not_flag("kubelet", "cloud-config", target), "what was known before stays known"
    assert "Example" in [api.kind for api in removals.apis_between(Minor(1, 36), target)]
    assert removals.known_up_to == target
