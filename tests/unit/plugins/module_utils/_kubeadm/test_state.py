# SPDX-License-Identifier: GPL-3.0-or-later
"""absent, partial or complete: every place where kubeadm may have stopped."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.kubeops.cluster.plugins.module_utils._kubeadm import state
from ansible_collections.kubeops.cluster.plugins.module_utils._kubeadm.state import Markers, classify

WORKER = Markers(ca=True, kubelet_conf=True, kubelet_config=True, node_registered=True, cluster_config=True)
CONTROL_PLANE = replace(
    WORKER,
    manifests=("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"),
    local_etcd=True,
    admin_conf=True,
    etcd_data=True,
    control_plane_label=True,
)


@pytest.mark.parametrize(
    ("markers", "expected"),
    [
        pytest.param(Markers(), ("absent", "none"), id="bare"),
        pytest.param(Markers(ca=True), ("absent", "none"), id="a CA supplied beforehand is no cluster"),
        pytest.param(WORKER, ("complete", "worker"), id="worker"),
        pytest.param(CONTROL_PLANE, ("complete", "control_plane"), id="control plane"),
        pytest.param(
            replace(CONTROL_PLANE, manifests=CONTROL_PLANE.manifests[1:], local_etcd=False, etcd_data=False),
            ("complete", "control_plane"),
            id="external etcd",
        ),
        pytest.param(
            replace(CONTROL_PLANE, node_registered=None, cluster_config=None, control_plane_label=None),
            ("complete", "control_plane"),
            id="API down: files decide",
        ),
        pytest.param(
            replace(CONTROL_PLANE, manifests=CONTROL_PLANE.manifests[1:]),
            ("partial", "control_plane"),
            id="etcd not joined",
        ),
        pytest.param(
            replace(CONTROL_PLANE, cluster_config=False), ("partial", "control_plane"), id="before upload-config"
        ),
        pytest.param(replace(CONTROL_PLANE, control_plane_label=False), ("partial", "control_plane"), id="before mark"),
        pytest.param(replace(CONTROL_PLANE, node_registered=False), ("partial", "control_plane"), id="Node is gone"),
        pytest.param(
            replace(CONTROL_PLANE, etcd_member=False), ("partial", "control_plane"), id="its etcd member was removed"
        ),
        pytest.param(
            replace(CONTROL_PLANE, etcd_member=True), ("complete", "control_plane"), id="its member is listed"
        ),
        pytest.param(
            replace(CONTROL_PLANE, kubelet_conf=False), ("partial", "control_plane"), id="kubelet.conf is gone"
        ),
        pytest.param(Markers(ca=True, admin_conf=True), ("partial", "control_plane"), id="after kubeconfig"),
        pytest.param(Markers(etcd_data=True), ("partial", "control_plane"), id="etcd data alone"),
        pytest.param(replace(WORKER, bootstrap_conf=True), ("partial", "worker"), id="TLS bootstrap did not end"),
        pytest.param(Markers(bootstrap_conf=True, ca=True), ("partial", "worker"), id="join before kubelet-start"),
        pytest.param(
            replace(WORKER, unfinished="join", unfinished_role="worker"), ("partial", "worker"), id="killed at the end"
        ),
        pytest.param(
            Markers(ca=True, unfinished="init", unfinished_role="control_plane"),
            ("partial", "control_plane"),
            id="killed in certs",
        ),
    ],
)
def test_classify(markers: Markers, expected: tuple[str, str]) -> None:
    found = classify(markers)
    assert (found.state, found.role) == expected


def test_partial_always_has_evidence() -> None:
    for markers in (replace(CONTROL_PLANE, admin_conf=False), Markers(unfinished="init"), Markers(kubelet_config=True)):
        assert classify(markers).state == state.PARTIAL
        assert classify(markers).evidence


def test_running_is_said() -> None:
    assert "running" in classify(Markers(unfinished="join", unfinished_role="worker", running=True)).evidence[0]


def test_markers_survive_a_fact() -> None:
    assert state.from_mapping(CONTROL_PLANE.as_dict()) == CONTROL_PLANE
