# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Admission webhooks as an upgrade sees them (pure)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# What kubeadm, kubelets and a drain write while an upgrade goes on.
WRITTEN = {
    "*",
    "*/*",
    "pods",
    "pods/*",
    "pods/eviction",
    "nodes",
    "nodes/*",
    "clusterrolebindings",
    "clusterroles",
    "configmaps",
    "daemonsets",
    "deployments",
    "jobs",
    "leases",
    "rolebindings",
    "roles",
    "secrets",
    "serviceaccounts",
    "services",
}


def webhook_summary(
    configuration: Mapping[str, Any], webhook: Mapping[str, Any], serving: bool | None
) -> dict[str, Any]:
    """name, fails_closed, touches (resources that an upgrade writes), serving (None for a URL)."""
    resources = {resource for rule in webhook.get("rules") or [] for resource in rule.get("resources", [])}
    return {
        "name": f"{configuration['metadata']['name']}/{webhook.get('name', '')}",
        "fails_closed": webhook.get("failurePolicy", "Fail") == "Fail",
        "touches": sorted(resources & WRITTEN),
        "serving": serving,
    }
