# SPDX-License-Identifier: GPL-3.0-or-later
"""What a cluster was made with: read from its files, and refused where it would be rolled out as another."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.kubeops.cluster.plugins.module_utils._kubeadm import drift, made_with, static_pod
from ansible_collections.kubeops.cluster.plugins.module_utils._kubeadm.drift import Live
from ansible_collections.kubeops.cluster.plugins.module_utils._kubeadm.generate import Generated
from ansible_collections.kubeops.cluster.plugins.module_utils._kubeadm.made_with import EXTERNAL, STACKED, MadeWith

LIVE = MadeWith(STACKED, "10.96.0.0/12", "10.244.0.0/16", "cluster.local", "/etc/kubernetes/e.json")
APISERVER = "    - --etcd-servers=https://{etcd}:2379\n    - --service-cluster-ip-range=10.96.0.0/12\n{more}"
ENCRYPTION = "    - --encryption-provider-config=/etc/kubernetes/e.json\n"


def manifests(etcd: str = "127.0.0.1", more: str = ENCRYPTION) -> dict[str, str]:
    local = {"etcd": "    - --name=cp1\n"} if etcd == "127.0.0.1" else {}
    return {
        "kube-apiserver": APISERVER.format(etcd=etcd, more=more),
        "kube-controller-manager": "    - --cluster-cidr=10.244.0.0/16\n",
        **local,
    }


def observed(texts: dict[str, str], kubelet: str) -> MadeWith:
    return made_with.observe({name: static_pod.parse(text) for name, text in texts.items()}, kubelet)


def test_it_is_read_from_the_files_of_a_control_plane() -> None:
    assert observed(manifests(), "clusterDNS:\n- 10.96.0.10\nclusterDomain: cluster.local\n") == LIVE
    assert observed(manifests("192.0.2.31"), "").etcd == EXTERNAL
    assert observed({}, "clusterDomain: cluster.local\n") == MadeWith()


@pytest.mark.parametrize(
    ("wanted", "variable", "seen"),
    [
        pytest.param({"etcd": EXTERNAL}, "kubeops_external_etcd", "empty etcd", id="another etcd"),
        pytest.param({"service_subnet": "10.32.0.0/16"}, "kubeops_service_subnet", "10.96.0.0/12", id="services"),
        pytest.param({"pod_subnet": "10.32.0.0/16"}, "kubeops_pod_subnet", "10.244.0.0/16", id="pods"),
        pytest.param({"dns_domain": "k8s.example"}, "kubeops_dns_domain", "cluster.local", id="domain"),
        pytest.param({"encryption": ""}, "kubeops_encryption_at_rest", "e.json", id="encryption ends"),
    ],
)
def test_another_is_refused(wanted: dict[str, str], variable: str, seen: str) -> None:
    (refused,) = made_with.refusals(replace(LIVE, **wanted), LIVE)
    assert (refused.rule, refused.variable) == ("made_with", variable)
    assert seen in refused.evidence
    assert refused.fix


@pytest.mark.parametrize(
    ("wanted", "live"),
    [
        pytest.param({}, {}, id="the same"),
        pytest.param({"etcd": EXTERNAL}, {"etcd": EXTERNAL}, id="endpoints of an external etcd may change"),
        pytest.param({}, {"pod_subnet": ""}, id="none was given when the cluster was made"),
        pytest.param({"pod_subnet": "10.244.0.0/16,fd00::/56"}, {}, id="a second family"),
        pytest.param({"pod_subnet": "fd00:0::/56"}, {"pod_subnet": "fd00::/56"}, id="written otherwise"),
        pytest.param({}, {"encryption": ""}, id="encryption begins"),
        pytest.param({"encryption": "/other.json"}, {}, id="another encryption file"),
        pytest.param({"etcd": ""}, {}, id="not known"),
    ],
)
def test_what_may_be(wanted: dict[str, str], live: dict[str, str]) -> None:
    assert made_with.refusals(replace(LIVE, **wanted), replace(LIVE, **live)) == ()


def test_dual_stack_does_not_end() -> None:
    live = replace(LIVE, service_subnet="10.96.0.0/12,fd00::/108")
    assert [refused.variable for refused in made_with.refusals(LIVE, live)] == ["kubeops_service_subnet"]


def test_files_that_kubeadm_would_write_are_judged_by_the_same_rule() -> None:
    live = Live(manifests=manifests())
    assert drift.refuse_remaking(Generated(manifests=manifests()), live) == ()
    refused = drift.refuse_remaking(Generated(manifests=manifests("192.0.2.31", more="")), live)
    assert [entry.variable for entry in refused] == ["kubeops_external_etcd", "kubeops_encryption_at_rest"]
