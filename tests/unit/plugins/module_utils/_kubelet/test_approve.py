# SPDX-License-Identifier: GPL-3.0-or-later
"""What one kubelet does not do is said at the end, and keeps no other from its certificate."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.kubeops.cluster.plugins.module_utils._core.errors import Refusal
from ansible_collections.kubeops.cluster.plugins.module_utils._kubelet import approve
from ansible_collections.kubeops.cluster.plugins.module_utils._kubelet.approve import Outcome

GOOD = Outcome("w1", approved="csr-1", request="csr-1")
SILENT = Outcome("w2", failure="it made no request")
REFUSED = Outcome("w3", request="csr-3", reasons=("the inventory does not have 192.0.2.9",))


@pytest.mark.parametrize(
    ("outcomes", "refusal", "words"),
    [
        ([], False, []),
        ([GOOD, GOOD], False, []),
        ([GOOD, SILENT, GOOD], False, ["1 of 3 kubelets", "w2: it made no request", "the other 2 are done"]),
        ([SILENT, REFUSED], True, ["w3 (csr-3): the inventory does not have 192.0.2.9", "w2: it made no request"]),
    ],
    ids=["no node", "all good", "one silent", "one refused, one silent"],
)
def test_what_is_wrong_is_said_of_every_node(outcomes: list[Outcome], refusal: bool, words: list[str]) -> None:
    fault = approve.fault(outcomes)
    assert (fault is not None) is bool(words)
    assert isinstance(fault, Refusal) is refusal
    assert all(word in str(fault) for word in words)


@pytest.mark.parametrize(
    ("node", "lost"),
    [
        (None, False),
        ({}, False),
        ({"status": {"conditions": [{"type": "Ready", "status": "True"}]}}, False),
        ({"status": {"conditions": [{"type": "Ready", "status": "False"}]}}, False),
        ({"status": {"conditions": [{"type": "Ready", "status": "Unknown"}]}}, True),
    ],
)
def test_only_a_kubelet_that_reports_nothing_is_not_waited_for(node: dict[str, Any] | None, lost: bool) -> None:
    assert approve.is_lost(node) is lost
