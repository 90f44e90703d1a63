# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a rule or a gate says (pure)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from .._inventory.finding import ERROR, WARNING, Finding, merge

OK = "ok"
SKIPPED = "skipped"
UNKNOWN = "unknown"


@dataclass(frozen=True)
class Verdict:
    """One rule or gate.

    Attributes:
        rule: its id, for instance skew.kubelet.
        status: ok, warning, error, skipped (switched off, with the reason), or unknown (what it
            judges could not be read).
        title: what it asks for, as a sentence fragment.
        source: the page or KEP it comes from.
        findings: what is wrong, empty for ok.
        reason: why it was skipped, or why it is unknown.
    """

    rule: str
    status: str
    title: str
    source: str
    findings: tuple[Finding, ...] = ()
    reason: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "rule": self.rule,
            "status": self.status,
            "title": self.title,
            "source": self.source,
            "findings": [finding.as_dict() for finding in self.findings],
            "reason": self.reason,
        }


def status_of(findings: Iterable[Finding]) -> str:
    """The worst level among findings."""
    levels = {finding.level for finding in findings}
    return ERROR if ERROR in levels else WARNING if WARNING in levels else OK


def verdict(rule: str, title: str, source: str, findings: Iterable[Finding]) -> Verdict:
    """The verdict that the findings amount to; the same finding on many nodes is one."""
    merged = tuple(merge(findings))
    return Verdict(rule, status_of(merged), title, source, merged)
