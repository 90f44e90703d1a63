# SPDX-License-Identifier: GPL-3.0-or-later
"""How far a cluster is in a rotation, told from what its nodes said."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.kubeops.cluster.plugins.module_utils._ca import publish, report
from ansible_collections.kubeops.cluster.plugins.module_utils._x509 import issue

PLANES = ("cp1", "cp2")


def result(reached: str, behind: tuple[str, ...] = (), due: bool = False, node: str = "cp1") -> dict[str, Any]:
    one = {"name": "ca", "reached": reached, "due": due, "incoming": "" if reached == "nothing" else "f"}
    return {"authorities": [one], "behind": list(behind), "node_name": node}


@pytest.mark.parametrize(
    ("results", "expected"),
    [
        ({}, {"authorities": [], "holder": "cp1"}),
        ({"cp1": result("nothing"), "cp2": result("nothing")}, {"authorities": [], "holder": "cp1"}),
        ({"cp1": result("nothing", due=True)}, {"authorities": ["ca"], "holder": "cp1"}),
        ({"cp1": result("nothing"), "cp2": result("made")}, {"authorities": ["ca"], "holder": "cp2"}),
    ],
)
def test_what_is_rotated(results: dict[str, Any], expected: dict[str, Any]) -> None:
    assert report.start(PLANES, results) == {**expected, "left": []}


ETCD_DUE = {"name": "etcd-ca", "reached": "nothing", "due": True, "incoming": ""}


@pytest.mark.parametrize(
    ("host", "reached", "authorities", "left"),
    [
        ("cp1", "made", ["ca", "etcd-ca"], []),
        ("cp1", "trusted", ["ca"], ["etcd-ca"]),
        ("cp1", "dropped", ["ca"], ["etcd-ca"]),
        ("cp2", "made", ["ca"], ["etcd-ca"]),
    ],
)
def test_what_is_due_besides_one_under_way(host: str, reached: str, authorities: list[str], left: list[str]) -> None:
    begun = result(reached)
    results = {host: {**begun, "authorities": [*begun["authorities"], ETCD_DUE]}}
    started = report.start(PLANES, results)
    assert started == {"authorities": authorities, "holder": host, "left": left}
    table = report.report(started, results, PLANES, [], [])["table"]
    assert any(line.endswith("later run: etcd-ca") for line in table) is bool(left)


@pytest.mark.parametrize(
    ("stage", "results", "expected"),
    [
        ("made", {"cp1": result("made"), "w1": result("nothing")}, "done on cp1"),
        ("trusted", {"cp1": result("trusted"), "w1": result("made")}, "done on cp1; to do on w1"),
        ("signed", {"cp1": result("signed", ("kubelet-client",))}, "done on cp1"),
        ("signed", {"cp1": result("signed", ("apiserver",))}, "to do on cp1"),
        ("moved", {"cp1": result("signed", ("kubelet-client",))}, "to do on cp1"),
        ("moved", {"w1": result("signed")}, "done on w1"),
        ("dropped", {"cp1": result("dropped"), "w1": result("signed")}, "done on cp1; to do on w1"),
        ("finished", {"cp1": result("dropped")}, "to do on cp1"),
    ],
)
def test_progress(stage: str, results: dict[str, Any], expected: str) -> None:
    table = report.report({"authorities": ["ca"]}, results, PLANES, [], [])["table"]
    line = next(line for line in table if line.startswith(f"{stage} "))
    assert line.endswith(f": {expected}")


@pytest.mark.parametrize(
    ("left_out", "nodes", "expected"),
    [
        ([], [{"name": "cp1", "ready": True}], []),
        (["w1"], [], ["leaves out w1"]),
        ([], [{"name": "stray", "ready": True}], ["no hosts of this run: stray"]),
        ([], [{"name": "cp1", "ready": False}], ["not Ready: cp1"]),
    ],
)
def test_what_would_cut_a_node_off_is_refused(left_out: list[str], nodes: list[Any], expected: list[str]) -> None:
    results = {"cp1": result("nothing", due=True)}
    refusals = report.report({"authorities": ["ca"]}, results, PLANES, left_out, nodes)["refusals"]
    assert len(refusals) == len(expected)
    assert all(part in refusal for part, refusal in zip(expected, refusals))
    assert report.report({"authorities": []}, results, PLANES, left_out, nodes)["refusals"] == []


@pytest.mark.parametrize(
    ("first", "second", "refused"),
    [
        (result("trusted"), result("made", node="w1"), False),
        (result("signed"), result("made", node="w1"), False),
        (result("signed"), result("signed", ("kubelet-client",), node="w1"), False),
        (result("dropped"), result("signed", node="w1"), False),
        (result("made"), result("made", node="w1"), True),
        (result("trusted"), result("trusted", ("kubelet-client",), node="w1"), True),
        (result("dropped"), result("dropped", node="w1"), True),
        (result("nothing", due=True), {"authorities": [], "behind": [], "node_name": "w1"}, True),
        (result("trusted"), {"authorities": [], "behind": [], "node_name": "w1"}, True),
    ],
    ids=[
        "not trusting",
        "cut off",
        "not moved",
        "not dropped",
        "nothing changed",
        "no cause",
        "level",
        "begun nowhere",
        "no part",
    ],
)
def test_a_node_that_others_are_ahead_of_may_be_away(
    first: dict[str, Any], second: dict[str, Any], refused: bool
) -> None:
    nodes = [{"name": "cp1", "ready": True}, {"name": "w1", "ready": False}]
    refusals = report.report({"authorities": ["ca"]}, {"cp1": first, "w1": second}, PLANES, [], nodes)["refusals"]
    assert [refusal for refusal in refusals if "not Ready: w1" in refusal] == refusals
    assert bool(refusals) is refused


def test_two_incoming_cas_are_refused() -> None:
    other = {**result("made"), "authorities": [{**result("made")["authorities"][0], "incoming": "other"}]}
    for results, expected in (({"cp1": result("made"), "cp2": other}, 1), ({"cp1": result("made")}, 0)):
        refusals = report.report({"authorities": ["ca"]}, results, PLANES, [], [])["refusals"]
        assert len(refusals) == expected


@pytest.mark.parametrize(
    ("spec", "status", "expected"),
    [
        ({"replicas": 2}, {"observedGeneration": 3, "replicas": 2, "updatedReplicas": 2, "readyReplicas": 2}, True),
        ({"replicas": 2}, {"observedGeneration": 2, "replicas": 2, "updatedReplicas": 2, "readyReplicas": 2}, False),
        ({"replicas": 2}, {"observedGeneration": 3, "replicas": 3, "updatedReplicas": 2, "readyReplicas": 2}, False),
        ({"replicas": 2}, {"observedGeneration": 3, "replicas": 2, "updatedReplicas": 2}, False),
        ({"replicas": 0}, {"observedGeneration": 3}, True),
        (
            {},
            {"observedGeneration": 3, "desiredNumberScheduled": 2, "updatedNumberScheduled": 1, "numberReady": 2},
            False,
        ),
        ({"updateStrategy": {"type": "OnDelete"}}, {"observedGeneration": 3, "desiredNumberScheduled": 2}, True),
    ],
)
def test_a_rollout_is_over(spec: dict[str, Any], status: dict[str, Any], expected: bool) -> None:
    assert publish.rolled_out({"metadata": {"generation": 3}, "spec": spec, "status": status}) is expected


OLD, NEW = "old", "new"


@pytest.mark.parametrize(
    ("exact", "published", "wanted", "broken"),
    [
        (False, {OLD}, {NEW}, True),
        (False, {OLD, NEW}, {NEW}, False),
        (False, {NEW}, {NEW}, False),
        (False, set(), {NEW}, True),
        (True, {OLD, NEW}, {NEW}, True),
        (True, {NEW}, {NEW}, False),
        (True, {NEW}, {OLD, NEW}, True),
    ],
)
def test_what_may_be_published(exact: bool, published: set[str], wanted: set[str], broken: bool) -> None:
    assert publish.Rule(exact).broken(frozenset(published), frozenset(wanted)) is broken


def test_until_the_end_the_incoming_ca_is_what_counts(tmp_path: Path) -> None:
    pems = [issue.make_ca(issue.make_key("ecdsa-p256"), "ca", datetime.now(timezone.utc), timedelta(1)) for __ in "ab"]
    path = tmp_path / "ca.crt"
    path.write_bytes(pems[0] + pems[1])
    both, incoming = publish.prints((pems[0] + pems[1]).decode()), publish.prints(pems[1].decode())
    assert publish.Rule(exact=False).wanted(str(path)) == both
    (tmp_path / "ca-next.crt").write_bytes(pems[1])
    assert publish.Rule(exact=False).wanted(str(path)) == incoming
    assert publish.Rule(exact=True).wanted(str(path)) == both
