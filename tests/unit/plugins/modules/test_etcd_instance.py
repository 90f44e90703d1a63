# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which versions count before another one is put in their place, and what is said of a member that agrees."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
from ansible.module_utils.basic import AnsibleModule
from ansible_collections.kubeops.cluster.plugins.module_utils._core.errors import Refusal
from ansible_collections.kubeops.cluster.plugins.module_utils._core.runner import Programs, Runner
from ansible_collections.kubeops.cluster.plugins.module_utils._etcd.content import AGREES, DIFFERS, Content
from ansible_collections.kubeops.cluster.plugins.module_utils._etcd.gateway import Gateway
from ansible_collections.kubeops.cluster.plugins.module_utils._etcd.model import Member
from ansible_collections.kubeops.cluster.plugins.module_utils._etcd_service import plan, probe, versions
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


@pytest.mark.parametrize(
    ("replace", "verdict", "steps", "said"),
    [
        (True, AGREES, [], "e1 works, its content is that of the others, and it was not replaced"),
        (True, DIFFERS, ["remove", "set_aside", "announce", "start", "promote"], ""),
        (False, DIFFERS, [], ""),
    ],
)
def test_a_member_that_works_is_compared_where_it_may_be_replaced(
    monkeypatch: pytest.MonkeyPatch, replace: bool, verdict: str, steps: list[str], said: str
) -> None:
    members = [
        Member(str(number), f"e{number}", (f"https://192.0.2.4{number}:2380",), (), healthy=True)
        for number in (1, 2, 3)
    ]
    params = {**PARAMS, "state": "present", "restart": "", "first": False, "replace": replace, "data_dir": "/none"}
    params |= {"peers": [], "peer_port": 2380, "birth_file": "/none", "ca_file": "", "cert_file": "", "key_file": ""}
    seen = plan.Observed(True, True, "", members)
    monkeypatch.setattr(etcd_instance, "_versions", lambda *_given: (False, []))
    monkeypatch.setattr(probe, "observe", lambda *_given: seen)
    monkeypatch.setattr(probe.Cluster, "content", lambda _cluster, _member: Content(verdict, "hashes"))
    monkeypatch.setattr(probe.Cluster, "alarms", lambda _cluster: [])
    result: dict[str, Any] = etcd_instance.run(cast(AnsibleModule, SimpleNamespace(params=params, check_mode=True)))
    assert [step["action"] for step in result["plan"]] == steps
    assert [warning.partition(";")[0] for warning in result["warnings"]] == [said] * bool(said)
