# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether an account can be believed, and whether clients saw too much (pure)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._core.errors import KubeopsError

# The program writes its account every second; a busy disk may keep it waiting.
STALE_SECONDS = 60.0


def answered(account: Mapping[str, Any]) -> int:
    """Requests that were answered."""
    return int(account.get("requests", 0)) - int(account.get("failed", 0))


def why_blind(active: bool, age: float | None) -> str:
    """Why nothing is counted now, empty where it is; age: seconds since the account was written, None without one."""
    if not active:
        return "the program that counts does not run"
    if age is None:
        return "there is no account"
    return f"the account was last written {age:.0f} s ago" if age > STALE_SECONDS else ""


def require_budget(account: Mapping[str, Any], budget: int, blind: str) -> None:
    """Raise KubeopsError where more failed than the budget, or nobody counted; a negative budget accepts any."""
    if budget < 0:
        return
    if blind:
        raise KubeopsError(
            "nobody knows what clients see of the API",
            seen=blind,
            fix="look at journalctl -u kubeops-api-probe on this control plane, then run again",
        )
    if account["failed"] <= budget:
        return
    first = "; ".join(f"{entry['at']} {entry['request']}: {entry['reason']}" for entry in account["failures"][:3])
    raise KubeopsError(
        f"clients saw {account['failed']} of {account['requests']} requests fail, {budget} are accepted",
        seen=f"longest time without an answer {account['longest_outage']} s; {first}",
        fix="look at the load balancer and the API servers, then run again; the budget is a variable",
        details={"account": dict(account)},
    )
