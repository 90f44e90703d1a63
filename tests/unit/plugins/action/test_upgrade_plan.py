# SPDX-License-Identifier: GPL-3.0-or-later
"""What the operator gives is judged before anything else."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.kubeops.cluster.plugins.action import upgrade_plan

HOSTS = ["cp1", "w1", "w2"]


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        ([], ""),
        ([{"name": "gpu", "hosts": ["w1", "w2"]}], ""),
        ([{"name": "gpu", "hosts": ["w1", "w22"]}], "group gpu: the inventory has no host w22"),
        ([{"hosts": ["w22"]}], "group without a name: the inventory has no host w22"),
        ([{"name": "gpu", "hosts": "w1"}], "group gpu: hosts is 'w1', no list of hosts"),
    ],
)
def test_groups(groups: list[dict[str, Any]], message: str) -> None:
    if not message:
        upgrade_plan.require_known(groups, HOSTS)
        return
    with pytest.raises(ValueError, match=message):
        upgrade_plan.planned({"groups": {"all": HOSTS}}, {"groups": groups})


def test_hosts_that_are_no_node_or_do_not_answer() -> None:
    names = {"cp1": "cp1", "w1": "worker-1", "w9": ""}
    variables = {
        "ansible_play_hosts_all": [*names, "w2"],
        "ansible_play_hosts": [*names],
        "hostvars": {host: {"ansible_facts": {"kubeops_upgrade": {"name": name}}} for host, name in names.items()},
    }
    seen = upgrade_plan.observed(variables, {})
    assert (list(seen.nodes), seen.unreachable, seen.strangers) == (["cp1", "worker-1"], ("w2",), ("w9",))
