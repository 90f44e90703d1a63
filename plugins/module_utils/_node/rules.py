# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All rules that look at nodes (pure)."""

from __future__ import annotations

from .._inventory.finding import Finding
from . import rules_between, rules_node
from .model import Observed, Thresholds

RULES = (*rules_node.RULES, *rules_between.RULES)


def check(observed: Observed, limits: Thresholds) -> list[Finding]:
    """Every finding of every rule."""
    return [finding for rule in RULES for finding in rule(observed, limits)]
