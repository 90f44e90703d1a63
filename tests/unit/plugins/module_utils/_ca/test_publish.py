# SPDX-License-Identifier: GPL-3.0-or-later
"""Which pods are left with the CAs they started with, and which workloads would never replace theirs."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from ansible_collections.kubeops.cluster.plugins.module_utils._ca import publish
from ansible_collections.kubeops.cluster.plugins.module_utils._core.plan import Step
from ansible_collections.kubeops.cluster.plugins.module_utils._x509 import issue

BEFORE, PUBLISHED, AFTER = "2026-11-21T11:00:00Z", "2026-11-21T12:00:00Z", "2026-11-21T13:00:00Z"
NOW = datetime(2026, 11, 21, tzinfo=timezone.utc)
OLD, NEW = (issue.make_ca(issue.make_key("ecdsa-p256"), "kubernetes", NOW, timedelta(days=9)).decode() for __ in "ab")


def metadata(name: str, kind: str = "", owner: str = "") -> dict[str, Any]:
    owned = [{"kind": kind, "name": owner, "controller": True}] if kind else []
    return {"namespace": "shop", "name": name, "ownerReferences": owned}


def pod(kind: str = "", owner: str = "", began: str = BEFORE, token: bool = True) -> dict[str, Any]:
    return {
        "metadata": metadata("p", kind, owner),
        "spec": {"automountServiceAccountToken": token},
        "status": {"startTime": BEFORE, "containerStatuses": [{"state": {"running": {"startedAt": began}}}]},
    }


REPLICA_SETS = [{"metadata": metadata("web-1", "Deployment", "web")}, {"metadata": metadata("bare")}]
REPLACED = {("Deployment", "shop", "web"), ("DaemonSet", "shop", "agent")}


@pytest.mark.parametrize(
    ("one", "named"),
    [
        (pod("ReplicaSet", "web-1"), []),
        (pod("DaemonSet", "agent"), []),
        (pod("Node", "cp1"), []),
        (pod(), ["shop/p (Pod)"]),
        (pod("Job", "import"), ["shop/import (Job)"]),
        (pod("ReplicaSet", "bare"), ["shop/bare (ReplicaSet)"]),
        (pod("DaemonSet", "by-hand"), ["shop/by-hand (DaemonSet)"]),
        (pod("Kafka", "queue"), ["shop/queue (Kafka)"]),
        (pod("Job", "import", began=AFTER), []),
        (pod("Job", "import", token=False), []),
    ],
    ids=[
        *("Deployment", "DaemonSet", "static", "bare", "Job", "bare ReplicaSet", "OnDelete", "operator"),
        *("began since", "without a token"),
    ],
)
def test_what_is_not_replaced_is_named(one: dict[str, Any], named: list[str]) -> None:
    assert publish.owners([one, one], REPLICA_SETS, REPLACED, {"shop": PUBLISHED}) == named


@pytest.mark.parametrize(
    ("volume", "holds"),
    [
        ({"projected": {"sources": [{"serviceAccountToken": {"path": "token"}}]}}, True),
        ({"projected": {"sources": [{"configMap": {"name": "kube-root-ca.crt"}}]}}, True),
        ({"projected": {"sources": [{"secret": {"name": "web-token-x7k2p"}}, {"configMap": {"name": "web"}}]}}, True),
        ({"configMap": {"name": "kube-root-ca.crt"}}, True),
        ({"secret": {"secretName": "web-token-x7k2p"}}, True),
        ({"secret": {"secretName": "web-token"}}, True),
        ({"secret": {"secretName": "web-tls"}}, False),
        ({"configMap": {"name": "web"}}, False),
        ({"projected": {"sources": [{"downwardAPI": {}}]}}, False),
        ({"projected": {"sources": None}}, False),
        ({"emptyDir": {}}, False),
    ],
)
def test_what_mounts_a_token_or_the_cas_itself(volume: dict[str, Any], holds: bool) -> None:
    spec = {"automountServiceAccountToken": False, "volumes": [{"name": "other", "emptyDir": {}}, volume]}
    assert publish.holds_token(spec) is holds
    assert publish.holds_token({**spec, "automountServiceAccountToken": True})
    assert not publish.holds_token({"automountServiceAccountToken": False})


@pytest.mark.parametrize(
    ("bundle", "moment"),
    [(OLD, publish.NEVER), (OLD + NEW, PUBLISHED), (NEW, ""), ("", publish.NEVER)],
    ids=["not yet", "both", "withdrawn since", "empty"],
)
def test_when_a_namespace_got_the_incoming_ca(bundle: str, moment: str) -> None:
    times = {"creationTimestamp": BEFORE, "managedFields": [{"time": PUBLISHED}, {}]}
    assert publish.published_at({"metadata": times, "data": {"ca.crt": bundle}}, publish.prints(NEW)) == moment


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        ({"replicas": 2}, ""),
        ({"replicas": 2, "paused": True}, "it is paused"),
        ({"replicas": 0, "paused": True}, ""),
        ({"replicas": 2, "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 1}}}, "is 1"),
        ({"replicas": 2, "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}}}, ""),
        ({"updateStrategy": {"type": "OnDelete"}}, ""),
    ],
)
def test_what_would_never_be_replaced_is_refused_at_once(spec: dict[str, Any], why: str) -> None:
    step = Step("restart", "/deployments/web", "", {"held": publish.held({"spec": spec})})
    refused = publish.refusals([step])
    assert bool(refused) is bool(why)
    assert all("/deployments/web" in one.evidence and why in one.evidence for one in refused)
    assert all(one.variable == "rotate_ca_restart_workloads" and one.fix for one in refused)


def test_what_is_waited_for_in_vain_is_named_with_the_way_out() -> None:
    with pytest.raises(publish.KubeopsError) as raised:
        publish._wait(lambda: ["/deployments/web"], "pods are not replaced of", -1.0, publish.UNREADY)
    assert "/deployments/web" in str(raised.value)
    assert "rotate_ca_restart_workloads" in raised.value.fix
