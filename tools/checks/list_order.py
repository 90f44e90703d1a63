# SPDX-License-Identifier: GPL-3.0-or-later
"""No list of a role or playbook gets a random order.

Ansible's filters for sets go through Python's set, whose order differs from run to run: an upgrade that was killed and
runs again would choose another host, and a message name hosts in another order. ``select('in', ...)``,
``reject('in', ...)`` and ``unique`` keep the order of the inventory.
"""

from __future__ import annotations

import re
import sys

from tools import paths
from tools.checks.report import report

FOLDERS = ("roles", "playbooks")
FILTER = re.compile(r"\|\s*(union|intersect|difference|symmetric_difference)\b")


def found(text: str) -> list[str]:
    """Each use of such a filter: ``line N: name``."""
    return [
        f"line {text.count(chr(10), 0, match.start(1)) + 1}: {match[1]} gives a list in random order"
        for match in FILTER.finditer(text)
    ]


def main() -> int:
    files = [path for path in paths.collection_files() if path.parts[0] in FOLDERS and path.suffix in (".yml", ".j2")]
    findings = [f"{path}: {one}" for path in files for one in found((paths.ROOT / path).read_text(encoding="utf-8"))]
    return report(findings, f"{len(files)} files")


if __name__ == "__main__":
    sys.exit(main())
