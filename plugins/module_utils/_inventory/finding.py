# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What preflight has to say, and how it reads as one table (pure)."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

ERROR = "error"
WARNING = "warning"
VALUE_WIDTH = 80
HOSTS_SHOWN = 4
URL_LOGIN = re.compile(r"//[^/@\s]+@")


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong: on which hosts, which variable and value, and what to do.

    level is error or warning. variable and value are empty where no variable is at fault.
    """

    rule: str
    level: str
    message: str
    fix: str
    hosts: tuple[str, ...] = ()
    variable: str = ""
    value: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Plain data for a module's result."""
        return {**asdict(self), "hosts": list(self.hosts)}


def shown(value: Any) -> str:
    """A value as a message has it: on one line, not too long, without the password of a URL."""
    text = URL_LOGIN.sub("//***@", " ".join(str(value).split()))
    return text if len(text) <= VALUE_WIDTH else text[: VALUE_WIDTH - 3] + "..."


def merge(findings: Iterable[Finding]) -> list[Finding]:
    """Errors first; the same finding on many hosts becomes one."""
    hosts: dict[Finding, list[str]] = {}
    for finding in findings:
        hosts.setdefault(replace(finding, hosts=()), []).extend(finding.hosts)
    merged = [replace(finding, hosts=tuple(dict.fromkeys(names))) for finding, names in hosts.items()]
    return sorted(merged, key=lambda finding: finding.level != ERROR)


def without_ignored(findings: Iterable[Finding], ignore: Mapping[str, str]) -> tuple[list[Finding], list[str]]:
    """Findings left, and a line for each rule that was ignored, with the reason given."""
    left, ignored = [], {}
    for finding in findings:
        if finding.rule in ignore:
            ignored[finding.rule] = f"{finding.rule} ignored: {ignore[finding.rule]}"
        else:
            left.append(finding)
    return left, list(ignored.values())


def table(findings: Sequence[Finding], width: int = 120) -> str:
    """The findings as text: a line with level, rule and hosts, below it what is wrong and the fix."""
    return "\n".join(line for finding in findings for line in _rows(finding, width))


def summary(findings: Sequence[Finding]) -> str:
    """The table under a line that counts."""
    errors = sum(finding.level == ERROR for finding in findings)
    counted = [_count(errors, ERROR), _count(len(findings) - errors, WARNING)]
    return f"Preflight found {' and '.join(filter(None, counted))}; nothing has been changed.\n{table(findings)}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}" if number else ""


def some(names: Sequence[str], limit: int = HOSTS_SHOWN) -> str:
    """cp1, cp2 and 48 more."""
    if len(names) <= limit:
        return ", ".join(names)
    return f"{', '.join(names[:limit])} and {len(names) - limit} more"


def _rows(finding: Finding, width: int) -> list[str]:
    where = some(finding.hosts) if finding.hosts else "inventory"
    about = finding.message
    if finding.variable:
        value = f" = {finding.value}" if finding.value else ""
        about = f"{finding.variable}{value}: {about}"
    head = f"{finding.level.upper():<8} {finding.rule:<28} {where}"
    return [head, *_indented(about, width), *_indented(f"Fix: {finding.fix}", width)]


def _indented(text: str, width: int) -> list[str]:
    pad = " " * 9
    return textwrap.wrap(text, width, initial_indent=pad, subsequent_indent=pad, break_on_hyphens=False)
