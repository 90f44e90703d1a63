# SPDX-License-Identifier: GPL-3.0-or-later
"""What an older kubeadm wrote for a kubelet, and a later kubelet does not start with."""

from __future__ import annotations

import pytest
from ansible_collections.kubeops.cluster.plugins.module_utils._kubeadm import kubelet_flags
from ansible_collections.kubeops.cluster.plugins.module_utils._version.version import Minor

IMAGE = "--pod-infra-container-image=registry.k8s.io/pause:3.10.1"
NODE_IP = "--node-ip=192.0.2.1"


@pytest.mark.parametrize(
    ("text", "line", "found"),
    [
        (f'KUBELET_KUBEADM_ARGS="{IMAGE}"\n', Minor(1, 34), []),
        (f'KUBELET_KUBEADM_ARGS="{IMAGE}"\n', Minor(1, 35), ["pod-infra-container-image"]),
        (f'KUBELET_KUBEADM_ARGS="{IMAGE}"\n', Minor(1, 36), ["pod-infra-container-image"]),
        (f'KUBELET_KUBEADM_ARGS="{NODE_IP}"\n', Minor(1, 36), []),
        ("", Minor(1, 36), []),
    ],
)
def test_unknown(text: str, line: Minor, found: list[str]) -> None:
    assert kubelet_flags.unknown(text, line) == found


@pytest.mark.parametrize(
    ("given", "left"),
    [
        (f"{NODE_IP} {IMAGE}", NODE_IP),
        (f"{IMAGE} {NODE_IP}", NODE_IP),
        (f"--v=2  {IMAGE} {NODE_IP}", f"--v=2 {NODE_IP}"),
        (IMAGE, ""),
        (f"{NODE_IP} --pod-infra-container-image r/pause:3.10", NODE_IP),
        (NODE_IP, NODE_IP),
    ],
)
def test_without(given: str, left: str) -> None:
    text = kubelet_flags.without(f'KUBELET_KUBEADM_ARGS="{given}"\n', ["pod-infra-container-image"])
    assert text == f'KUBELET_KUBEADM_ARGS="{left}"\n'
