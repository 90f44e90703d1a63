# SPDX-License-Identifier: GPL-3.0-or-later
"""Every stage of a CA's rotation on one node, from every state that a killed run can leave."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from ansible_collections.kubeops.cluster.plugins.module_utils._ca import model, plan, probe
from ansible_collections.kubeops.cluster.plugins.module_utils._ca.model import (
    DROPPED,
    FINISHED,
    MADE,
    MOVED,
    NOTHING,
    SIGNED,
    TRUSTED,
    Authority,
    Leaf,
    Node,
)
from ansible_collections.kubeops.cluster.plugins.module_utils._core.errors import Refusal
from ansible_collections.kubeops.cluster.plugins.module_utils._kubeadm import paths
from ansible_collections.kubeops.cluster.plugins.module_utils._x509 import issue, load
from ansible_collections.kubeops.cluster.plugins.module_utils._x509.model import Certificate

NOW = datetime(2026, 11, 21, 12, 0, 0, tzinfo=timezone.utc)
PKI = "/etc/kubernetes/pki"
MANAGER = f"""\
    - --client-ca-file={PKI}/ca.crt
    - --cluster-signing-cert-file={PKI}/ca.crt
    - --requestheader-client-ca-file={PKI}/front-proxy-ca.crt
    - --root-ca-file={PKI}/ca.crt
"""


def certificate(name: str) -> Certificate:
    pem = issue.make_ca(issue.make_key("ecdsa-p256"), name, NOW, timedelta(days=3650))
    return load.certificates(pem)[0]


OLD, NEW = certificate("kubernetes"), certificate("kubernetes")
PLACES = {place.name: place for place in model.PLACES}


def authority(*bundle: Certificate, key: Certificate = OLD, name: str = "ca") -> Authority:
    return Authority(PLACES[name], bundle, NEW, key.public_key, NEW.public_key)


def prints(*certificates: Certificate) -> tuple[str, ...]:
    return tuple(one.fingerprint for one in certificates)


def node(*bundle: Certificate, key: Certificate = OLD, moved: bool = False, **more: object) -> Node:
    known = {
        "authorities": {"ca": authority(*bundle, key=key)},
        "trust": {"/etc/kubernetes/admin.conf": prints(*bundle)},
        "leaves": (Leaf("apiserver", f"{PKI}/apiserver.crt", "ca", moved), Leaf("kubelet-client", "/k", "ca", moved)),
        "manager": MANAGER,
    }
    return Node(**{**known, **more})  # type: ignore[arg-type]


def steps(planned: plan.Plan) -> list[tuple[str, str]]:
    return [(step.action, step.target.rpartition("/")[2]) for step in planned.steps]


@pytest.mark.parametrize(
    ("bundle", "reached"),
    [((OLD,), MADE), ((OLD, NEW), TRUSTED), ((NEW, OLD), SIGNED), ((NEW,), DROPPED)],
)
def test_the_stage_is_read_from_the_file(bundle: tuple[Certificate, ...], reached: str) -> None:
    assert authority(*bundle).reached == reached
    assert replace(authority(*bundle), incoming=None).reached == NOTHING


def test_trust() -> None:
    assert steps(plan.plan(TRUSTED, node(OLD))) == [
        ("write_certificates", "ca.crt"),
        ("write_certificates", "ca-signing.crt"),
        ("manifest", "kube-controller-manager.yaml"),
        ("trust", "admin.conf"),
    ]


def test_sign() -> None:
    before = node(OLD, NEW, signing=prints(OLD), manager=plan.manager_manifest(MANAGER, model.SIGNING))
    assert steps(plan.plan(SIGNED, before)) == [
        ("write_key", "ca.key"),
        ("write_certificates", "ca.crt"),
        ("write_certificates", "ca-signing.crt"),
        ("reissue", "apiserver.crt"),
    ]


def test_sign_after_a_run_was_killed_between_key_and_certificate() -> None:
    before = node(OLD, NEW, key=NEW, signing=prints(OLD), manager=plan.manager_manifest(MANAGER, model.SIGNING))
    assert ("write_key", "ca.key") not in steps(plan.plan(SIGNED, before))
    assert ("write_certificates", "ca.crt") in steps(plan.plan(SIGNED, before))


def test_move() -> None:
    before = node(NEW, OLD, key=NEW, signing=prints(NEW), manager=plan.manager_manifest(MANAGER, model.SIGNING))
    assert steps(plan.plan(MOVED, before)) == [("request", "k")]


def test_drop() -> None:
    before = node(
        NEW, OLD, key=NEW, moved=True, signing=prints(NEW), manager=plan.manager_manifest(MANAGER, model.SIGNING)
    )
    planned = plan.plan(DROPPED, before)
    assert steps(planned) == [
        ("write_certificates", "ca.crt"),
        ("manifest", "kube-controller-manager.yaml"),
        ("trust", "admin.conf"),
    ]
    assert planned.steps[0].data["certificates"] == (NEW,)
    assert planned.steps[1].data["text"] == MANAGER


def test_finish() -> None:
    after = node(NEW, key=NEW, moved=True, signing=prints(NEW))
    removed = ["ca-signing.crt", "ca-next.crt", "ca-next.key"]
    assert steps(plan.plan(FINISHED, after)) == [("remove", name) for name in removed]
    between = node(NEW, key=NEW, authorities={"ca": replace(authority(NEW, key=NEW), incoming=None)})
    assert steps(plan.plan(FINISHED, between)) == [("remove", "ca-next.key")]


KEYLESS = replace(authority(OLD), next_key=b"")


@pytest.mark.parametrize(
    ("one", "handed_out", "made", "rules"),
    [
        (replace(authority(OLD), incoming=None, next_key=b""), (), [("make", "ca-next.crt")], []),
        (replace(authority(OLD), incoming=None), (), [("make", "ca-next.crt")], []),
        (authority(OLD), (), [], []),
        (KEYLESS, ("ca",), [("make", "ca-next.crt")], []),
        (KEYLESS, (), [], ["ca_incoming_key_missing"]),
        (replace(authority(NEW, key=NEW), next_key=b""), (), [], []),
    ],
    ids=["due", "killed after the key", "made", "another has its key", "nobody has its key", "its key is in use"],
)
def test_an_incoming_ca_is_never_made_twice(
    one: Authority, handed_out: tuple[str, ...], made: list[tuple[str, str]], rules: list[str]
) -> None:
    planned = plan.made([one], handed_out)
    assert steps(planned) == made
    assert [refused.rule for refused in planned.refusals] == rules


@pytest.mark.parametrize("stage", [TRUSTED, SIGNED, MOVED, DROPPED])
def test_a_node_without_a_rotation_is_left_alone(stage: str) -> None:
    idle = node(OLD, authorities={"ca": Authority(PLACES["ca"], (OLD,))}, modified={f"{PKI}/ca.crt": 9.0})
    assert plan.plan(stage, replace(idle, began={"kube-controller-manager": 1.0})) == plan.Plan()


@pytest.mark.parametrize(
    ("stage", "bundle"),
    [
        (TRUSTED, (OLD, NEW)),
        (TRUSTED, (NEW, OLD)),
        (TRUSTED, (NEW,)),
        (SIGNED, (NEW, OLD)),
        (SIGNED, (NEW,)),
        (MOVED, (NEW,)),
        (DROPPED, (NEW,)),
    ],
)
def test_a_node_past_a_stage_keeps_its_bundle(stage: str, bundle: tuple[Certificate, ...]) -> None:
    assert plan.wanted(stage, authority(*bundle)) == bundle
    single = f"{PKI}/ca.crt" if len(bundle) == 1 else model.SIGNING
    manager = plan.manager_manifest(MANAGER, single)
    after = node(*bundle, key=bundle[0], moved=bundle[0] is NEW, signing=prints(bundle[0]), manager=manager)
    assert plan.plan(stage, after) == plan.Plan()


@pytest.mark.parametrize(
    ("stage", "before", "seen"),
    [
        (SIGNED, node(OLD), "does not trust the incoming CA yet"),
        (MOVED, node(OLD), "does not trust the incoming CA yet"),
        (DROPPED, node(NEW, OLD), "the old CA signed apiserver"),
        (FINISHED, node(NEW, OLD, moved=True), "is signed"),
    ],
)
def test_a_stage_that_comes_too_early_is_refused(stage: str, before: Node, seen: str) -> None:
    refused = plan.plan(stage, before).refusals
    assert refused
    assert seen in refused[0].evidence


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("", []),
        (f"{PKI}/etcd/ca.crt", ["etcd", "kube-apiserver"]),
        (f"{PKI}/ca.crt", ["kube-controller-manager"]),
        ("/etc/kubernetes/scheduler.conf", ["kube-scheduler"]),
        ("/etc/kubernetes/kubelet.conf", ["kubelet"]),
        (f"{PKI}/front-proxy-ca.crt", []),
    ],
)
def test_what_began_before_its_file_was_written_restarts(written: str, expected: Sequence[str]) -> None:
    began = dict.fromkeys(plan.READ_ONCE, 100.0)
    seen = Node(began=began, modified={written: 101.0, "/else": 500.0})
    assert [step.target for step in plan.restarts(seen)] == expected
    assert [step.target for step in plan.restarts(Node(began=began), {written})] == expected
    assert plan.restarts(Node(modified={written: 101.0})) == []


@pytest.mark.parametrize(
    ("kubelet_ca", "restarted"),
    [
        ("", ["kube-controller-manager"]),
        (f"{PKI}/ca.crt", ["kube-apiserver", "kube-controller-manager"]),
        ("/else/kubelets.crt", ["kube-controller-manager"]),
    ],
    ids=["kubelets are not verified", "by the CA that is rotated", "by another"],
)
def test_an_api_server_that_verifies_kubelets_reads_both_cas(kubelet_ca: str, restarted: list[str]) -> None:
    seen = node(OLD, kubelet_ca=kubelet_ca, began=dict.fromkeys(("kube-apiserver", "kube-controller-manager"), 100.0))
    assert [step.target for step in plan.plan(TRUSTED, seen).steps if step.action == "restart"] == restarted


CLIENT = f"{PKI}/apiserver-kubelet-client.crt"


@pytest.mark.parametrize(
    ("moved", "modified", "touched", "expected"),
    [
        (True, 101.0, (), ["kube-apiserver"]),
        (True, 99.0, (), []),
        (False, 101.0, (), []),
        (False, 99.0, (CLIENT,), ["kube-apiserver"]),
    ],
    ids=["replaced since", "restarted since", "renewed before the rotation", "to be replaced"],
)
def test_an_api_server_restarts_for_what_it_shows_to_kubelets(
    moved: bool, modified: float, touched: Sequence[str], expected: list[str]
) -> None:
    leaves = (
        Leaf("apiserver-kubelet-client", CLIENT, "ca", moved),
        Leaf("apiserver", f"{PKI}/apiserver.crt", "ca", True),
    )
    began = dict.fromkeys(plan.READ_ONCE, 100.0)
    seen = Node(leaves=leaves, began=began, modified={CLIENT: modified, f"{PKI}/apiserver.crt": 500.0})
    assert [step.target for step in plan.restarts(seen, touched)] == expected


def test_signing_restarts_the_api_server_for_its_client_certificate() -> None:
    before = node(
        *(OLD, NEW),
        signing=prints(OLD),
        manager=plan.manager_manifest(MANAGER, model.SIGNING),
        leaves=(Leaf("apiserver-kubelet-client", CLIENT, "ca", False),),
        began={"kube-apiserver": 100.0},
    )
    assert steps(plan.plan(SIGNED, before))[-2:] == [
        ("reissue", CLIENT.rpartition("/")[2]),
        ("restart", "kube-apiserver"),
    ]
    assert ("restart", "kube-apiserver") not in steps(plan.plan(TRUSTED, before))


@pytest.mark.parametrize(
    ("flags", "expected"), [("", ""), ("    - --kubelet-certificate-authority=/pki/ca.crt\n", "/pki/ca.crt")]
)
def test_the_file_that_kubelets_are_verified_by(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flags: str, expected: str
) -> None:
    monkeypatch.setattr(paths, "MANIFESTS", str(tmp_path))
    assert probe.kubelet_ca() == ""
    (tmp_path / "kube-apiserver.yaml").write_text(f"spec:\n  - command:\n    - kube-apiserver\n{flags}")
    assert probe.kubelet_ca() == expected
    assert plan.read_once(expected)["kube-apiserver"][1:] == ((expected,) if expected else ())


def test_the_controller_manager_keeps_what_is_not_ours() -> None:
    other = "    - --cluster-signing-cert-file=/elsewhere/ca.crt\n"
    assert plan.manager_manifest(other, model.SIGNING) == other
    changed = plan.manager_manifest(MANAGER, model.SIGNING)
    assert changed.count(model.SIGNING) == 2
    assert f"--root-ca-file={PKI}/ca.crt" in changed
    assert plan.manager_manifest(changed, f"{PKI}/ca.crt") == MANAGER


@pytest.mark.parametrize(
    ("stage", "authorities", "control_plane", "expected"),
    [
        (MADE, model.NAMES, True, ["ca", "etcd-ca", "front-proxy-ca"]),
        (TRUSTED, model.NAMES, True, []),
        (model.OBSERVED, model.NAMES, True, []),
        (model.OBSERVED, model.NAMES, False, ["ca"]),
        (TRUSTED, model.NAMES, False, ["ca"]),
        (DROPPED, ["etcd-ca"], False, []),
    ],
)
def test_what_a_node_needs_from_the_holder(
    stage: str, authorities: Sequence[str], control_plane: bool, expected: list[str]
) -> None:
    needed = model.fetched(stage, authorities, control_plane=control_plane)
    assert [place.name for place in needed] == expected


DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("made_before", "ca_valid_for", "seen"),
    [
        (None, 366 * DAY, ""),
        (NOW, 366 * DAY, ""),
        (NOW + timedelta(seconds=1), 3650 * DAY, "it is 2026-11-21T12:00:00Z"),
        (None, 365 * DAY, "valid for 365 days, due 365 days"),
        (NOW - DAY, 30 * DAY, "valid for 30 days"),
    ],
)
def test_a_rotation_that_every_run_would_begin_anew_is_refused(
    made_before: datetime | None, ca_valid_for: timedelta, seen: str
) -> None:
    if not seen:
        model.require_an_end(made_before, ca_valid_for, 365 * DAY, NOW)
        return
    with pytest.raises(Refusal, match=seen) as refused:
        model.require_an_end(made_before, ca_valid_for, 365 * DAY, NOW)
    assert refused.value.rule == "ca_due_again"


def test_a_bundle_of_somebody_else_is_refused() -> None:
    with pytest.raises(Refusal, match="holds 2 CAs"):
        model.require_one(replace(authority(OLD, NEW), incoming=None))
    model.require_one(authority(OLD, NEW))


def test_a_kubelet_asks_again_for_a_serving_certificate_of_the_old_ca() -> None:
    leaves = (Leaf("kubelet-server", model.KUBELET_SERVER, "ca", False),)
    before = node(
        NEW, OLD, key=NEW, leaves=leaves, signing=prints(NEW), manager=plan.manager_manifest(MANAGER, model.SIGNING)
    )
    assert steps(plan.plan(MOVED, before)) == [("ask_again", "kubelet-server-current.pem"), ("restart", "kubelet")]
    assert plan.plan(DROPPED, before).refusals[0].rule == "ca_stage"
