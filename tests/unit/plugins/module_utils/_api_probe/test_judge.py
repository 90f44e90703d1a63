# SPDX-License-Identifier: GPL-3.0-or-later
"""When an account is believed, and when clients saw too much."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.kubeops.cluster.plugins.module_utils._api_probe import judge
from ansible_collections.kubeops.cluster.plugins.module_utils._core.errors import KubeopsError

NONE: dict[str, Any] = {}
SEEN: dict[str, Any] = {
    "requests": 900,
    "failed": 3,
    "longest_outage": 1.2,
    "failures": [{"at": "then", "request": "read", "reason": "HTTP 503"}],
}


@pytest.mark.parametrize(
    ("active", "age", "expected"),
    [
        pytest.param(True, 1.0, "", id="counting"),
        pytest.param(True, 61.0, "the account was last written 61 s ago", id="stuck"),
        pytest.param(True, None, "there is no account", id="no account"),
        pytest.param(False, 1.0, "the program that counts does not run", id="dead"),
    ],
)
def test_why_blind(active: bool, age: float | None, expected: str) -> None:
    assert judge.why_blind(active, age) == expected


@pytest.mark.parametrize(
    ("account", "budget", "blind", "message"),
    [
        pytest.param(SEEN, 3, "", "", id="within the budget"),
        pytest.param(SEEN, 2, "", "clients saw 3 of 900 requests fail, 2 are accepted", id="beyond"),
        pytest.param(SEEN, 3, "dead", "nobody knows what clients see", id="within, and the count ended"),
        pytest.param(NONE, 0, "dead", "nobody knows what clients see", id="never counted"),
        pytest.param(NONE, -1, "dead", "", id="nobody asks"),
    ],
)
def test_budget(account: dict[str, Any], budget: int, blind: str, message: str) -> None:
    if message:
        with pytest.raises(KubeopsError, match=message):
            judge.require_budget(account, budget, blind)
    else:
        judge.require_budget(account, budget, blind)


@pytest.mark.parametrize(("account", "expected"), [(NONE, 0), (SEEN, 897)])
def test_answered(account: dict[str, Any], expected: int) -> None:
    assert judge.answered(account) == expected
