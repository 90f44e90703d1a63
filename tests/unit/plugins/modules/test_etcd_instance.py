# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which versions count before another one is put in their place."""

from __future__ import annotations

import pytest
from ansible_collections.kubeops.cluster.plugins.module_utils._core.errors import Refusal
from ansible_collections.kubeops.cluster.plugins.module_utils._core.runner import Programs, Runner
from ansible_collections.kubeops.cluster.plugins.module_utils._etcd.gateway import Gateway
from ansible_collections.kubeops.cluster.plugins.module_utils._etcd_service import probe, versions
from ansible_collections.kubeops.cluster.plugins.modules import etcd_instance

PARAMS = {
    "deployment": "systemd", "name": "e1", "address": "192.0.2.41", "client_port": 2379, "binary": "/etcd",
    "unit": "etcd.service", "data_dir": "/var/lib/etcd", "settings": [],
}  # fmt: skip
OWN, OTHER = "https://192.0.2.41:2379", "https://192.0.2.42:2379"


@pytest.mark.parametrize(
    ("running", "stopped", "rule"),
    [
        ({}, (3, 5, 20), "etcd_floor"),
        ({}, (3, 7, 0), "etcd_downgrade"),
        ({}, (3, 5, 26), ""),
        ({}, None, ""),
        ({OTHER: (3, 5, 26)}, (3, 5, 20), "etcd_floor"),
        # It answers: what its unit names is what may be started next.
        ({OWN: (3, 5, 26)}, (3, 5, 20), ""),
    ],
)
def test_a_member_that_does_not_answer_counts(
    monkeypatch: pytest.MonkeyPatch, running: dict[str, versions.Version], stopped: versions.Version | None, rule: str
) -> None:
    monkeypatch.setattr(probe, "installed_version", lambda *_given: (3, 6, 8))
    monkeypatch.setattr(probe, "stopped_version", lambda *_given: stopped)
    monkeypatch.setattr(probe.Cluster, "versions", lambda _cluster: dict(running))
    cluster = probe.Cluster(Gateway("", "", "", ""), [OWN, OTHER])
    refused = ""
    try:
        etcd_instance._versions(Runner(Programs()), PARAMS, cluster)
    except Refusal as refusal:
        refused = refusal.rule
    assert refused == rule
