# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Errors that read like a colleague's message: what is wrong, what was seen, what to do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class KubeopsError(Exception):
    """Something is wrong and the operator has to know.

    what: one sentence fragment, without a full stop ("kubeadm init failed").
    seen: the evidence (an exit code and the last lines of stderr, a value, a path).
    fix: what to do about it.
    details: further keys for the module's result; never secrets.
    """

    def __init__(
        self,
        what: str,
        seen: str = "",
        fix: str = "",
        details: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(what, seen, fix)
        self.what = what
        self.seen = seen
        self.fix = fix
        self.details = dict(details or {})

    def __str__(self) -> str:
        parts = [self.what]
        if self.seen:
            parts.append(f"Seen: {self.seen}")
        if self.fix:
            parts.append(f"Fix: {self.fix}")
        return " ".join(_sentence(part) for part in parts)


class Refusal(KubeopsError):  # noqa: N818 - the word of the trade, not a fault
    """A rule says no, and nothing has been touched yet. `rule` is the rule's id."""

    def __init__(
        self,
        what: str,
        seen: str = "",
        fix: str = "",
        details: Mapping[str, Any] | None = None,
        *,
        rule: str = "",
    ) -> None:
        super().__init__(what, seen, fix, details)
        self.rule = rule


def _sentence(text: str) -> str:
    text = text.strip()
    return text if text.endswith((".", "!", "?", ":")) else f"{text}."
