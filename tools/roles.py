# SPDX-License-Identifier: GPL-3.0-or-later
"""What a role says about itself: defaults, argument specs, and the variables its tasks and templates use."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import yaml
from jinja2 import nodes

from tools import paths

# Keywords whose value is a Jinja expression without braces.
EXPRESSIONS = frozenset({"when", "until", "failed_when", "changed_when", "that"})
# Keywords whose keys, or value, are names that a task declares.
DECLARING_MAPPINGS = frozenset({"vars", "set_fact", "ansible.builtin.set_fact"})
DECLARING_VALUES = frozenset({"register", "loop_var", "index_var"})


@dataclass(frozen=True)
class Role:
    """A role of the collection."""

    name: str
    directory: Path

    def load(self, relative: str) -> Any:
        """Content of a YAML file of the role; an empty mapping where there is none."""
        path = self.directory / relative
        return (yaml.safe_load(path.read_text()) if path.is_file() else None) or {}

    @property
    def defaults(self) -> dict[str, Any]:
        """Variables of defaults/main.yml."""
        return dict(self.load("defaults/main.yml"))

    @property
    def spec(self) -> dict[str, Any]:
        """The ``main`` entry point of meta/argument_specs.yml."""
        return dict(self.load("meta/argument_specs.yml").get("argument_specs", {}).get("main", {}))

    @property
    def options(self) -> dict[str, dict[str, Any]]:
        """Options of the ``main`` entry point."""
        return dict(self.spec.get("options") or {})

    def yaml_files(self) -> list[Path]:
        """Tasks, handlers, variables and defaults of the role."""
        folders = ("tasks", "handlers", "vars", "defaults")
        return sorted(path for folder in folders for path in (self.directory / folder).rglob("*.yml"))

    def templates(self) -> list[Path]:
        """Templates of the role."""
        return sorted(path for path in (self.directory / "templates").rglob("*") if path.is_file())


def all_roles(root: Path = paths.ROOT) -> list[Role]:
    """Every role of the collection, by name."""
    return [Role(path.name, path) for path in sorted((root / "roles").glob("*")) if path.is_dir()]


def expression_names(source: str) -> Iterator[str]:
    """Variables that a Jinja template reads; nothing where it does not parse (ansible-lint says so)."""
    try:
        tree = jinja2.Environment(autoescape=True, extensions=["jinja2.ext.do"]).parse(source)
    except jinja2.TemplateSyntaxError:
        return
    yield from (node.name for node in tree.find_all(nodes.Name))


def used_names(value: Any, *, expression: bool = False) -> Iterator[str]:
    """Variables that templates anywhere inside a YAML value read."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from used_names(key)
            yield from used_names(item, expression=key in EXPRESSIONS)
    elif isinstance(value, list):
        for item in value:
            yield from used_names(item, expression=expression)
    elif isinstance(value, str):
        yield from expression_names("{{ " + value + " }}" if expression and "{{" not in value else value)


def declared_names(value: Any) -> Iterator[str]:
    """Variables that tasks inside a YAML value declare: vars, set_fact, register and loop variables."""
    if isinstance(value, list):
        for item in value:
            yield from declared_names(item)
    if not isinstance(value, dict):
        return
    for key, item in value.items():
        if key in DECLARING_MAPPINGS and isinstance(item, dict):
            yield from item
        elif key in DECLARING_VALUES and isinstance(item, str):
            yield item
        yield from declared_names(item)


def names_used_by(role: Role) -> dict[str, Path]:
    """Variable to the first file of the role that reads it."""
    found: dict[str, Path] = {}
    for path in role.yaml_files():
        for name in used_names(yaml.safe_load(path.read_text())):
            found.setdefault(name, path)
    for path in role.templates():
        for name in expression_names(path.read_text()):
            found.setdefault(name, path)
    return found


def names_declared_by(role: Role) -> set[str]:
    """Every variable that the role defines anywhere."""
    declared: set[str] = set(role.defaults)
    for path in role.yaml_files():
        content = yaml.safe_load(path.read_text())
        declared.update(declared_names(content))
        if path.parent.name == "vars" and isinstance(content, dict):
            declared.update(content)
    return declared
