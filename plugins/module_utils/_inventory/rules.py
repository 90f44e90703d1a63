# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All rules that need nothing but the inventory (pure)."""

from __future__ import annotations

from . import rules_groups, rules_network, rules_pod_network, rules_variables, rules_version
from .finding import Finding
from .model import Inventory, Surroundings

RULES = (
    *rules_groups.RULES,
    *rules_version.RULES,
    *rules_variables.RULES,
    *rules_network.RULES,
    *rules_pod_network.RULES,
)


def check(inventory: Inventory, around: Surroundings) -> list[Finding]:
    """Every finding of every rule."""
    return [finding for rule in RULES for finding in rule(inventory, around)]
