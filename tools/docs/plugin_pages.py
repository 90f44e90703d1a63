# SPDX-License-Identifier: GPL-3.0-or-later
"""One page for every module and every other plugin, from what ansible-doc reads."""

from __future__ import annotations

import functools
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tools import paths
from tools.docs import markdown, options

# Folder under plugins/ to ansible-doc's name for the type.
TYPES = {"modules": "module", "callback": "callback", "filter": "filter", "lookup": "lookup", "test": "test"}


def names(folder: str) -> list[str]:
    """Plugins of a folder, by file name."""
    return [path.stem for path in sorted((paths.ROOT / "plugins" / folder).glob("[a-z]*.py"))]


@functools.cache
def documentation(folder: str) -> dict[str, dict[str, Any]]:
    """Plugin to what ansible-doc says of it."""
    if not names(folder):
        return {}
    full = [f"kubeops.cluster.{name}" for name in names(folder)]
    argv = [str(paths.VENV_NEWEST / "bin" / "ansible-doc"), "--type", TYPES[folder], "--json", *full]
    environment = {**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(paths.COLLECTIONS)}
    asked = subprocess.run(argv, env=environment, check=False, capture_output=True, text=True)
    if asked.returncode:
        raise SystemExit(f"ansible-doc: {asked.stderr.strip()}")
    loaded = json.loads(asked.stdout)
    return {name.removeprefix("kubeops.cluster."): entry for name, entry in sorted(loaded.items())}


def attributes(entry: dict[str, Any]) -> str:
    """Table of what a module supports."""
    rows = []
    for name, attribute in sorted((entry["doc"].get("attributes") or {}).items()):
        support = attribute.get("support", "")
        platforms = attribute.get("platforms")
        rows.append([markdown.code(name), f"{support} ({platforms})" if platforms else support, about(attribute)])
    return markdown.table(["Attribute", "Support", "Description"], rows)


def about(attribute: dict[str, Any]) -> str:
    """Description of an attribute with its details."""
    return f"{markdown.cell(attribute.get('description'))} {markdown.cell(attribute.get('details'))}".strip()


def sections(folder: str, entry: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Headings and contents of a plugin's page; empty contents are left out."""
    doc = entry["doc"]
    yield "Options", options.option_table(doc["options"]) if doc.get("options") else ""
    yield "Attributes", attributes(entry) if doc.get("attributes") else ""
    yield "Notes", "\n".join(f"- {markdown.cell(note)}" for note in doc.get("notes") or [])
    examples = (entry.get("examples") or "").strip()
    yield "Examples", f"```yaml\n{examples}\n```" if examples else ""
    yield "Return values", options.return_table(entry["return"]) if entry.get("return") else ""


def page(folder: str, name: str, entry: dict[str, Any]) -> str:
    """The page of one plugin."""
    doc = entry["doc"]
    parts = [
        markdown.GENERATED.format(source=f"plugins/{folder}/{name}.py"),
        f"# kubeops.cluster.{name}\n",
        markdown.prose(doc["short_description"]) + ".\n",
        markdown.prose(doc["description"]) + "\n",
    ]
    parts += [f"## {title}\n\n{content.strip()}\n" for title, content in sections(folder, entry) if content]
    return "\n".join(parts)


def page_path(folder: str, name: str) -> Path:
    """Where the page of a plugin is."""
    return Path("docs") / folder / f"{name}.md"


def pages() -> dict[Path, str]:
    """Path to content of every plugin's page."""
    every = [(folder, name, entry) for folder in TYPES for name, entry in documentation(folder).items()]
    return {page_path(folder, name): page(folder, name, entry) for folder, name, entry in every}
