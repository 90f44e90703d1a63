# SPDX-License-Identifier: GPL-3.0-or-later
"""Every file names its licence in its first lines, where its format has comments."""

from __future__ import annotations

import itertools
import sys
from pathlib import Path

from tools import paths
from tools.checks.report import report

LINE = "SPDX-License-Identifier: GPL-3.0-or-later"
WITHIN_LINES = 5
WITHOUT_COMMENTS = frozenset({".json", ".pem", ".tar", ".gz", ".tgz", ".png"})
# What real tools printed, and what our files must look like, stays as it is; so do the licence and generated changes.
EXEMPT_FOLDERS = frozenset({"fixtures", "golden"})
EXEMPT_FILES = frozenset({Path("LICENSE"), Path("CHANGELOG.md"), Path("changelogs/changelog.yaml")})


def needs_line(path: Path) -> bool:
    """Whether the file's format and place ask for the line."""
    if path in EXEMPT_FILES or path.suffix in WITHOUT_COMMENTS:
        return False
    if (paths.ROOT / path).stat().st_size == 0:  # __init__.py of a plugin package has to be empty
        return False
    return path.parts[0] != "tests" or EXEMPT_FOLDERS.isdisjoint(path.parts)


def has_line(path: Path) -> bool:
    """Whether one of the file's first lines names the licence."""
    with (paths.ROOT / path).open(encoding="utf-8", errors="replace") as file:
        return any(LINE in line for line in itertools.islice(file, WITHIN_LINES))


def main() -> int:
    files = [path for path in paths.collection_files() if needs_line(path)]
    findings = [f"{path}: no SPDX line in its first {WITHIN_LINES} lines" for path in files if not has_line(path)]
    return report(findings, f"{len(files)} files")


if __name__ == "__main__":
    sys.exit(main())
