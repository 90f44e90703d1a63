# SPDX-License-Identifier: GPL-3.0-or-later
"""What the gates ask other parts for is what these take."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.kubeops.cluster.plugins.module_utils._core.errors import KubeopsError
from ansible_collections.kubeops.cluster.plugins.module_utils._gates import node
from ansible_collections.kubeops.cluster.plugins.module_utils._gates.node import CERTIFICATES
from ansible_collections.kubeops.cluster.plugins.module_utils._kubeadm.generate import Generated
from ansible_collections.kubeops.cluster.plugins.modules import cert_check


def test_the_check_of_certificates_gets_every_option() -> None:
    options = yaml.safe_load(cert_check.DOCUMENTATION)["options"]
    assert set(CERTIFICATES) == set(options) - {"fail_on"}


OWN, CLUSTERS = "featureGates:\n  Own: true\n", "featureGates:\n  Clusters: true\nfailCgroupV1: false\n"


@pytest.mark.parametrize(
    ("healthy", "generated", "gates"),
    [
        pytest.param(True, CLUSTERS, {"Clusters": True, "Dropped": False}, id="kubeadm writes it anew"),
        pytest.param(True, "", {"Own": True, "Dropped": False}, id="kubeadm writes none"),
        pytest.param(True, None, {"Own": True, "Dropped": False}, id="kubeadm cannot say"),
        pytest.param(False, CLUSTERS, {"Own": True, "Dropped": False}, id="kubeadm is not asked"),
    ],
)
def test_gates_of_a_kubelet_are_those_it_will_have(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, healthy: bool, generated: str | None, gates: dict[str, bool]
) -> None:
    def worker(*_given: Any) -> Generated:
        if generated is None:
            raise KubeopsError("kubeadm cannot generate this node's configuration")
        return Generated(kubelet={"config.yaml": generated})

    config, drop_in = tmp_path / "config.yaml", tmp_path / "conf.d" / "10-own.conf"
    config.write_text(OWN)
    drop_in.parent.mkdir()
    drop_in.write_text("featureGates: {Dropped: false}\n")
    monkeypatch.setattr(node.paths, "KUBELET_CONFIG", str(config))
    monkeypatch.setattr(node.paths, "RUN", str(tmp_path / "run"))
    monkeypatch.setattr(node, "probe_node", lambda *_given: {"kubernetes": {"kubelet_healthy": healthy}})
    monkeypatch.setattr(node, "_kubelet_options", lambda _runner: f"--config-dir={drop_in.parent}")
    monkeypatch.setattr(node, "_static_pods", dict)
    monkeypatch.setattr(node, "_certificates", dict)
    monkeypatch.setattr(node.generate, "worker", worker)
    runner: Any = None
    facts = node.probe(runner, "")
    assert facts["gates"] == {"kubelet": gates}
    assert facts["cgroup_v1_accepted"] is (healthy and generated == CLUSTERS)
    assert bool(facts["kubelet_drift_note"]) is (generated is None)
