# SPDX-License-Identifier: GPL-3.0-or-later
"""Write the generated pages, or with --check say which ones are stale."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from tools import paths
from tools.checks.report import report
from tools.docs import plugin_pages, readme_tables, role_pages, runtime_metadata, variables_page


def all_pages() -> dict[Path, str]:
    """Path, relative to the root, to content of every generated page."""
    makers = (role_pages, plugin_pages, variables_page, readme_tables, runtime_metadata)
    return {path: content for maker in makers for path, content in maker.pages().items()}


def orphans(pages: dict[Path, str]) -> Iterator[Path]:
    """Generated pages of plugins that are no more."""
    for folder in plugin_pages.TYPES:
        for path in sorted((paths.ROOT / "docs" / folder).glob("*.md")):
            if path.relative_to(paths.ROOT) not in pages:
                yield path.relative_to(paths.ROOT)


def stale(pages: dict[Path, str]) -> Iterator[str]:
    """What `make docs` would change."""
    for path, content in pages.items():
        if not (paths.ROOT / path).is_file() or (paths.ROOT / path).read_text() != content:
            yield f"{path}: stale; run make docs"
    yield from (f"{path}: describes nothing that exists; run make docs" for path in orphans(pages))


def write(pages: dict[Path, str]) -> None:
    """Write what differs, remove orphans."""
    for path, content in pages.items():
        target = paths.ROOT / path
        if not target.is_file() or target.read_text() != content:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(content)
            print(f"wrote {path}")
    for path in orphans(pages):
        (paths.ROOT / path).unlink()
        print(f"removed {path}")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.docs", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when a page is stale")
    pages = all_pages()
    if parser.parse_args().check:
        return report(stale(pages), f"{len(pages)} generated pages")
    write(pages)
    return 0


if __name__ == "__main__":
    sys.exit(main())
