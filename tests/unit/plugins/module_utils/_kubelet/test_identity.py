# SPDX-License-Identifier: GPL-3.0-or-later
"""A kubelet is repaired where it needs that, and left alone where it does not."""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from ansible_collections.kubeops.cluster.plugins.module_utils._kubeadm import kubeconfig as kubeadm
from ansible_collections.kubeops.cluster.plugins.module_utils._kubelet import identity, repair
from ansible_collections.kubeops.cluster.plugins.module_utils._x509 import issue, policy

NOW = datetime(2026, 11, 21, 12, 0, 0, tzinfo=timezone.utc)
KIND = "ecdsa-p256"
SERVER = "https://192.0.2.100:8443"


def authority() -> tuple[bytes, bytes]:
    key = issue.make_key(KIND)
    return key, issue.make_ca(key, "kubernetes", NOW - timedelta(days=60), timedelta(days=3650))


CA_KEY, CA = authority()
OTHER_KEY, OTHER_CA = authority()
WANTED = identity.Wanted("w1", CA, policy.threshold("1d,5%", "renew_before"))


def client(days: float = 300, name: str = "w1", ca: tuple[bytes, bytes] = (CA, CA_KEY)) -> bytes:
    leaf = issue.Leaf(f"system:node:{name}", ("system:nodes",))
    key, certificate = issue.issue(leaf, *ca, NOW - timedelta(days=30), timedelta(days=30 + days), KIND)
    return certificate + key


def serving(days: float = 300) -> bytes:
    """As a kubelet makes it."""
    key, begin, life = issue.make_key(KIND), NOW - timedelta(days=30), timedelta(days=30 + days)
    authority = issue.make_ca(key, "w1-ca@1795000000", begin, life)
    leaf = issue.Leaf("w1@1795000000", dns_names=("w1",), usages=(issue.SERVER,))
    return issue.issue(leaf, authority, key, begin, life, KIND)[1] + authority


PAIR = client()
GOOD = identity.Observed(PAIR, identity.document(SERVER, CA), healthy=True)
ISSUED = [identity.ISSUE, identity.RESTART]
EMBEDDED = identity.document(SERVER, CA).replace(
    f"client-certificate: {identity.paths.KUBELET_CLIENT}",
    f"client-certificate-data: {base64.b64encode(PAIR).decode()}",
)


@pytest.mark.parametrize(
    ("observed", "actions"),
    [
        (GOOD, []),
        (replace(GOOD, client=client(-1)), ISSUED),
        (replace(GOOD, client=client(0.5)), ISSUED),
        (replace(GOOD, client=client(20)), []),
        (replace(GOOD, client=None), ISSUED),
        (replace(GOOD, client=b"nonsense"), ISSUED),
        (replace(GOOD, client=client(ca=(OTHER_CA, OTHER_KEY))), ISSUED),
        (replace(GOOD, client=PAIR.partition(b"-----BEGIN EC")[0] + issue.make_key(KIND)), ISSUED),
        (replace(GOOD, kubeconfig=EMBEDDED), [identity.WRITE, identity.RESTART]),
        (replace(GOOD, kubeconfig=identity.document(SERVER, OTHER_CA)), [identity.WRITE, identity.RESTART]),
        (replace(GOOD, serving=serving(-1)), [identity.REMOVE, identity.RESTART]),
        (replace(GOOD, serving=serving(3)), [identity.REMOVE, identity.RESTART]),
        (replace(GOOD, serving=serving()), []),
        (replace(GOOD, serving=client(-1)), []),
        (replace(GOOD, unfinished=True), [identity.RESTART]),
        (replace(GOOD, healthy=False), [identity.RESTART]),
    ],
    ids=[
        *("good", "ended", "about to end", "days left", "missing", "unreadable", "of another CA"),
        *("with another key", "embedded", "trusts another CA", "serving ended", "serving ends", "serving good"),
        "an operator's serving ended",
        *("killed", "down"),
    ],
)
def test_what_is_repaired(observed: identity.Observed, actions: list[str]) -> None:
    planned = identity.plan(observed, WANTED, NOW)
    assert [step.action for step in planned.steps] == actions
    assert all(step.reason for step in planned.steps)


@pytest.mark.parametrize(
    ("pem", "actions", "warned"),
    [
        (None, [], False),
        (serving(), [], False),
        (serving(3), [identity.REMOVE, identity.RESTART], False),
        (client(), [], False),
        (client(3), [], True),
        (b"nonsense", [], True),
    ],
    ids=["none", "good", "ends", "an operator's", "an operator's ends", "unreadable"],
)
def test_a_serving_certificate_is_renewed_alone(pem: bytes | None, actions: list[str], warned: bool) -> None:
    observed = identity.Observed(client(-1), serving=pem, serving_path="/pki/kubelet.crt", unfinished=True)
    planned = identity.plan_serving(observed, policy.threshold("30d,10%", "serving_renew_before"), NOW)
    assert [step.action for step in planned.steps] == actions
    assert {step.target for step in planned.steps[:1]} <= {"/pki/kubelet.crt"}
    assert [warning.startswith("/pki/kubelet.crt is left alone") for warning in planned.warnings] == [True] * warned


@pytest.mark.parametrize(
    ("observed", "no_signer", "rules"),
    [
        (GOOD, "cp1: ca.key is missing", []),
        (replace(GOOD, healthy=False), "cp1: ca.key is missing", []),
        (replace(GOOD, client=client(-1)), "", []),
        (replace(GOOD, client=client(-1)), "cp1: ca.key is missing", ["ca_external"]),
    ],
    ids=["well", "to be restarted", "ended, and a CA that signs", "ended"],
)
def test_where_no_control_plane_signs_only_what_has_to_be_signed_is_refused(
    observed: identity.Observed, no_signer: str, rules: list[str]
) -> None:
    refused = identity.unsignable(identity.plan(observed, WANTED, NOW), "w1", no_signer)
    assert [refusal.rule for refusal in refused] == rules
    assert all("CN=system:node:w1, O=system:nodes" in refusal.fix for refusal in refused)
    assert all("expired" in refusal.evidence and no_signer in refusal.evidence for refusal in refused)


@pytest.mark.parametrize(
    ("config", "read"),
    [("port: 10250\n", True), ("tlsCertFile: {}\n", False), ("serverTLSBootstrap: true\n", False)],
    ids=["told of none", "told of this one", "of the cluster"],
)
def test_a_certificate_that_a_kubelet_is_told_of_is_not_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, config: str, read: bool
) -> None:
    certificate = tmp_path / "kubelet.crt"
    certificate.write_bytes(serving(-1))
    (tmp_path / "config.yaml").write_text(config.format(certificate))
    monkeypatch.setattr(repair.layouts, "KUBELET_CONFIG", str(tmp_path / "config.yaml"))
    monkeypatch.setattr(repair.layouts, "_kubelet_flags", lambda: f"kubelet --cert-dir={tmp_path}")
    observed = repair.observe()
    assert (observed.serving_path, observed.serving is not None) == ((str(certificate), True) if read else ("", False))


@pytest.mark.parametrize(
    ("pem", "rules"),
    [
        (client(name="w2"), ["kubelet_of_another_node"]),
        (client(-1, name="w2.example.com"), ["kubelet_of_another_node"]),
        (client(name="w2", ca=(OTHER_CA, OTHER_KEY)), []),
        (client(name="w2").partition(b"-----BEGIN EC")[0] + issue.make_key(KIND), []),
        (client(), []),
    ],
    ids=["good", "ended", "of another CA", "with another key", "this node's"],
)
def test_a_node_that_the_cluster_knows_by_another_name_keeps_it(pem: bytes, rules: list[str]) -> None:
    planned = identity.plan(replace(GOOD, client=pem), WANTED, NOW)
    assert [refusal.rule for refusal in planned.refusals] == rules
    assert not (rules and planned.steps)


def test_a_kubeconfig_that_is_gone_needs_to_know_where_the_api_is() -> None:
    gone = replace(GOOD, kubeconfig=None)
    assert [refusal.rule for refusal in identity.plan(gone, WANTED, NOW).refusals] == ["kubelet_server_unknown"]
    step = identity.plan(gone, replace(WANTED, server=SERVER), NOW).steps[0]
    assert (step.action, kubeadm.server(step.data["text"])) == (identity.WRITE, SERVER)


def test_the_server_stays() -> None:
    step = identity.plan(replace(GOOD, kubeconfig=EMBEDDED), WANTED, NOW).steps[0]
    assert kubeadm.server(step.data["text"]) == SERVER
    assert kubeadm.identity(step.data["text"], "kubelet.conf").cert_file == identity.paths.KUBELET_CLIENT
