# SPDX-License-Identifier: GPL-3.0-or-later
"""Tables of options and return values, nested ones under the dotted name of their parent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tools.docs import markdown

Options = Mapping[str, Mapping[str, Any]]


# Where an item keeps its parts: in argument specs, in a plugin's options, in return values.
PARTS = ("options", "suboptions", "contains")


def flatten(options: Options, prefix: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every option by its dotted name, parents before children."""
    for name, option in options.items():
        yield prefix + name, option
        parts: Options = next((option[key] for key in PARTS if option.get(key)), {})
        yield from flatten(parts, f"{prefix}{name}.")


def type_of(option: Mapping[str, Any]) -> str:
    """``list of str``, ``int``..."""
    elements = option.get("elements")
    return f"{option.get('type', 'str')}{f' of {elements}' if elements else ''}"


def description(option: Mapping[str, Any]) -> str:
    """Description, with the choices after it."""
    choices = option.get("choices")
    listed = ", ".join(markdown.value(choice) for choice in choices or [])
    return markdown.cell(option.get("description")) + (f" One of {listed}." if listed else "")


def option_table(options: Options, defaults: Mapping[str, str] | None = None) -> str:
    """Table of options; defaults overrides what stands in the default's column, by name."""
    rows = []
    for name, option in flatten(options):
        default = (defaults or {}).get(name, markdown.value(option.get("default")))
        default = "required" if option.get("required") else default
        rows.append([markdown.code(name), type_of(option), default, description(option)])
    return markdown.table(["Name", "Type", "Default", "Description"], rows)


def return_table(values: Options) -> str:
    """Table of return values."""
    rows = []
    for name, item in flatten(values):
        returned = markdown.cell(str(item.get("returned") or ""))
        rows.append([markdown.code(name), type_of(item), returned, description(item)])
    return markdown.table(["Name", "Type", "Returned", "Description"], rows)
