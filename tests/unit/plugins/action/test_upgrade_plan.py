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
