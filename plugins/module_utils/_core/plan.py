# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a pure plan function returns: steps, refusals, and the diff they amount to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Union

from .errors import Refusal

# What a diff shows: plain text, or a mapping that Ansible renders as JSON.
DiffSide = Union[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Step:
    """One thing to do, and why. `data` is for the code that acts and is never shown."""

    action: str
    target: str
    reason: str
    data: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Refused:
    """A rule that forbids the plan: its id, the evidence, the variable to change, the way out."""

    rule: str
    evidence: str
    variable: str
    fix: str

    def as_error(self) -> Refusal:
        """The refusal as the exception a module raises."""
        what = f"refused by rule {self.rule}"
        if self.variable:
            what += f" (variable {self.variable})"
        return Refusal(what, self.evidence, self.fix, rule=self.rule)


@dataclass(frozen=True)
class Plan:
    """The whole decision. `before` and `after` are what --diff prints."""

    steps: tuple[Step, ...] = ()
    refusals: tuple[Refused, ...] = ()
    before: DiffSide = ""
    after: DiffSide = ""
    warnings: tuple[str, ...] = ()

    @property
    def changed(self) -> bool:
        """A plan without steps changes nothing."""
        return bool(self.steps)

    def as_result(self) -> dict[str, Any]:
        """Keys for exit_json: changed, plan, refusals, diff, warnings."""
        return {
            "changed": self.changed,
            "plan": [{"action": step.action, "target": step.target, "reason": step.reason} for step in self.steps],
            "refusals": [asdict(refusal) for refusal in self.refusals],
            "diff": {"before": self.before, "after": self.after},
            "warnings": list(self.warnings),
        }
