# SPDX-License-Identifier: GPL-3.0-or-later
"""Which pods are left with the CAs they started with, which workloads replace theirs, and which are waited for."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Any, cast

import pytest
from ansible_collections.kubeops.cluster.plugins.module_utils._ca import publish
from ansible_collections.kubeops.cluster.plugins.module_utils._core import clock
from ansible_collections.kubeops.cluster.plugins.module_utils._core.plan import Step
from ansible_collections.kubeops.cluster.plugins.module_utils._kubeadm.api import ApiClient
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


def workload(namespace: str, name: str, mark: str = "", *, ready: int = 1, was_unready: str = "") -> publish.Workload:
    annotations = {publish.UNREADY_ANNOTATION: was_unready} if was_unready else {}
    template = {"metadata": {"annotations": {publish.ANNOTATION: mark}} if mark else {}, "spec": {}}
    item = {
        "metadata": {"namespace": namespace, "name": name, "annotations": annotations},
        "spec": {"replicas": 1, "template": template},
        "status": {"replicas": 1, "updatedReplicas": 1, "readyReplicas": ready},
    }
    return publish.Workload("Deployment", item)


class Controllers:
    """Pods of these workloads become ready at once when they are replaced, those of what is broken never."""

    def __init__(self, *known: publish.Workload, broken: tuple[str, ...] = ()) -> None:
        self.items: dict[str, dict[str, Any]] = {one.path: dict(one.item) for one in known}
        self.broken = broken
        self.sent: list[tuple[str, Mapping[str, Any]]] = []

    def restart(self, *known: publish.Workload, at_once: int = 10) -> None:
        client = cast(ApiClient, self)
        publish.restart_workloads(client, [publish.restart_step(one, "new") for one in known], 900, at_once)

    def get(self, path: str) -> dict[str, Any] | None:
        return self.items[path]

    def patch(self, path: str, body: Mapping[str, Any], kind: str = "") -> dict[str, Any] | None:
        self.sent.append((path.rpartition("/")[2], body))
        ready = 0 if self.items[path]["metadata"]["name"] in self.broken else 1
        self.items[path]["status"] = {"replicas": 1, "updatedReplicas": 1, "readyReplicas": ready}
        return None


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every look at the clock is a minute later."""
    minutes = iter(range(0, 10**6, 60))
    monkeypatch.setattr(clock, "monotonic", lambda: float(next(minutes)))
    monkeypatch.setattr(time, "sleep", lambda _seconds: None)


@pytest.mark.parametrize(
    ("one", "is_due"),
    [
        (workload("shop", "web"), True),
        (workload("shop", "web", ready=0), True),
        (workload("shop", "web", "new"), False),
        (workload("shop", "web", "new", ready=0), True),
        (workload("shop", "web", "new", ready=0, was_unready="new"), False),
        (workload("shop", "web", "old", ready=0, was_unready="old"), True),
    ],
    ids=["old", "old and not ready", "done", "begun by a killed run", "was not ready", "of an earlier rotation"],
)
def test_whose_pods_are_replaced_or_waited_for(one: publish.Workload, is_due: bool) -> None:
    assert bool(publish.due([one], "new")) is is_due


def test_the_cluster_itself_comes_first() -> None:
    found = [workload("shop", "web"), workload("kube-system", "coredns"), workload("bank", "api")]
    assert [one.namespace for one in publish.due(found, "new")] == ["kube-system", "bank", "shop"]


@pytest.mark.usefixtures("hasty")
def test_what_was_not_ready_before_is_replaced_and_not_waited_for() -> None:
    known = [workload("shop", "web"), workload("shop", "import", ready=0)]
    client = Controllers(*known, broken=("import",))
    client.restart(*known)
    sent = dict(client.sent)
    assert sent["import"]["spec"]["template"]["metadata"]["annotations"] == {publish.ANNOTATION: "new"}
    assert sent["import"]["metadata"]["annotations"] == {publish.UNREADY_ANNOTATION: "new"}
    assert "metadata" not in sent["web"]


@pytest.mark.usefixtures("hasty")
def test_what_its_restart_broke_is_waited_for_in_this_run_and_the_next() -> None:
    for one in (workload("shop", "web"), workload("shop", "web", "new", ready=0)):
        with pytest.raises(publish.KubeopsError, match="deployments/web"):
            Controllers(one, broken=("web",)).restart(one)


@pytest.mark.usefixtures("hasty")
def test_a_few_at_a_time() -> None:
    known = [workload("shop", name) for name in ("a", "b", "c")]
    client = Controllers(*known, broken=("b",))
    with pytest.raises(publish.KubeopsError, match="deployments/b"):
        client.restart(*known, at_once=2)
    assert [name for name, __ in client.sent] == ["a", "b"]
