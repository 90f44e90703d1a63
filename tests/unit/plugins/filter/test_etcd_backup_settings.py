# SPDX-License-Identifier: GPL-3.0-or-later
"""What the timer of a node is told."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.kubeops.cluster.plugins.filter.etcd_backup_settings import etcd_backup_settings
from ansible_collections.kubeops.cluster.plugins.module_utils._core.runner import Programs, Runner
from ansible_collections.kubeops.cluster.plugins.module_utils._etcd import retention
from ansible_collections.kubeops.cluster.plugins.module_utils._ship import ship

SSH = {"type": "ssh", "host": "vault", "user": "backup", "directory": "etcd", "key_file": "~/key", "host_key": "ssh k"}


@pytest.mark.parametrize(
    ("given", "rule"),
    [
        ({"count": "7"}, retention.Rule(count=7)),
        ({"count": 7, "days": "1.5"}, retention.Rule(count=7, days=1.5)),
        ({"days": 31}, retention.Rule(days=31.0)),
    ],
)
def test_text_from_templates_becomes_numbers(given: dict[str, Any], rule: retention.Rule) -> None:
    targets = [SSH, {**SSH, "port": "2222", "retention": {"hourly": given}}]
    asked = {"host": "cp1", "retention": {"hourly": given}, "targets": targets}
    settings = json.loads(json.dumps(etcd_backup_settings(asked)))
    assert settings["host"] == "cp1" and retention.rules(settings["retention"])["hourly"] == rule
    assert [target["port"] for target in settings["targets"]] == [22, 2222]
    assert {target["key_file"] for target in settings["targets"]} == {"~/key"}
    places = ship.places(settings["targets"], settings["retention"], "", Runner(Programs()))
    assert [place.rules["hourly"] for place in places] == [rule, rule]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"retention": {"hourly": {"count": "many"}}}, "count"),
        ({"retention": {"monthly": {"count": 7}}}, "monthly"),
        ({"retention": {"hourly": 7}}, "{hourly: {count: 7}}"),
        ({"retention": {"hourly": "7"}}, "retention"),
        ({"retention": {"hourly": [7]}}, "retention"),
        ({"retention": 7}, "retention"),
        ({"targets": [{"type": "ftp"}]}, "ssh, s3"),
        ({"targets": [{**SSH, "port": "ssh"}]}, "port"),
        ({"targets": [{"type": "s3", "endpoint": "https://s3", "secret_key": "hidden"}]}, "access_key"),
        ({"targets": [{**SSH, "retention": {"daily": {"days": "long"}}}]}, "days"),
    ],
)
def test_nonsense_is_named_and_no_secret(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(AnsibleFilterError, match="timer of backups cannot use") as refused:
        etcd_backup_settings({"retention": {}, "targets": [], **settings})
    assert words in str(refused.value) and "hidden" not in str(refused.value)
