# SPDX-License-Identifier: GPL-3.0-or-later
"""docs/variables.md: the collection-wide variables, from the collection's own table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tools import collection_data
from tools.docs import markdown

SOURCE = "plugins/module_utils/_inventory/schema.py"
INTRODUCTION = """\
# Collection-wide variables

Set these in the inventory. Roles take their defaults from them, so a variable set once here reaches every role
that needs it. Preflight refuses a `kubeops_*` variable that is not in this table and says which one may be meant.
Those marked *per host* may differ between hosts, the others are the same for the whole cluster.
"""


def row(variable: Any) -> list[str]:
    """One line of the table."""
    choices = ", ".join(markdown.value(choice) for choice in variable.choices)
    text = markdown.cell(variable.description) + (f" One of {choices}." if choices else "")
    kind = variable.type + (", *per host*" if variable.per_host else "")
    return [
        markdown.code(variable.name),
        kind,
        "required" if variable.required else markdown.value(variable.default),
        text,
    ]


def pages() -> dict[Path, str]:
    """The one page."""
    rows = [row(variable) for variable in collection_data.variables()]
    content = markdown.table(["Variable", "Type", "Default", "Description"], rows)
    return {Path("docs/variables.md"): f"{markdown.GENERATED.format(source=SOURCE)}\n{INTRODUCTION}\n{content}"}
