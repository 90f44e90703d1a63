# SPDX-License-Identifier: GPL-3.0-or-later
"""Role variables stand in defaults and argument specs with equal defaults, are used, and are declared.

Also: a default that reads a collection-wide variable, ``{{ kubeops_x | default(literal) }}``, has the default that
the schema gives, and no role or playbook reads a ``kubeops_*`` variable that the schema does not know.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jinja2
import yaml
from jinja2 import nodes

from tools import collection_data, paths, roles
from tools.checks.report import report

# Types of options whose default may be a template.
TEXT = frozenset({"str", "path", "raw"})


def same_default(default: Any, option: dict[str, Any]) -> bool:
    """Whether a spec's default is the role's: the same value, or the literal behind a collection-wide variable.

    Ansible wants a default of the option's type in a spec, so a template can stand there for strings only;
    a computed default of another type is left out there.
    """
    read = schema_default(default)
    if read is None and "{{" in str(default) and option.get("type", "str") not in TEXT:
        return "default" not in option
    accepted = [default] if read is None or option.get("type", "str") in TEXT else []
    accepted += [read[1]] if read else []
    return any(type(option.get("default")) is type(value) and option["default"] == value for value in accepted)


def reads_required(default: Any) -> bool:
    """Whether a default is nothing but a collection-wide variable, which the inventory has to give."""
    return re.fullmatch(r"\{\{ kubeops_\w+ \}\}", str(default)) is not None


def spec_findings(role: roles.Role) -> Iterator[str]:
    """Differences between defaults/main.yml and meta/argument_specs.yml."""
    defaults, options = role.defaults, role.options
    for file in ("meta/main.yml", "meta/argument_specs.yml", "tasks/main.yml"):
        if not (role.directory / file).is_file():
            yield f"roles/{role.name}: {file} is missing"
    for name in defaults.keys() - options.keys():
        yield f"roles/{role.name}: {name} is in defaults and not in argument_specs"
    for name, option in options.items():
        if option.get("required") and name in defaults and not reads_required(defaults[name]):
            yield f"roles/{role.name}: {name} is required in argument_specs and has a default"
        elif name in defaults and not option.get("required") and not same_default(defaults[name], option):
            wanted = option.get("default", "(none)")
            yield f"roles/{role.name}: {name} defaults to {defaults[name]!r}, in argument_specs to {wanted!r}"
        elif name not in defaults and not option.get("required") and "default" in option:
            yield f"roles/{role.name}: {name} has a default in argument_specs and is not in defaults"
        if not option.get("description"):
            yield f"roles/{role.name}: {name} has no description in argument_specs"


def name_findings(role: roles.Role) -> Iterator[str]:
    """Variables with the role's prefix that are used and not declared, declared and not used, or badly named."""
    used, declared = roles.names_used_by(role), roles.names_declared_by(role)
    public, internal = f"{role.name}_", f"__{role.name}_"
    for name, path in used.items():
        if name.startswith((public, internal)) and name not in declared | role.options.keys():
            yield f"{path.relative_to(paths.ROOT)}: {name} is used and declared nowhere in the role"
    for name in role.defaults:
        if not name.startswith(public):
            yield f"roles/{role.name}: {name} does not start with {public}"
        if name not in used:
            yield f"roles/{role.name}: {name} is used nowhere in the role"


def schema_default(template: Any) -> tuple[str, Any] | None:
    """``("kubeops_x", literal)`` of a default of that form, else None."""
    if not isinstance(template, str) or "kubeops_" not in template:
        return None
    body = jinja2.Environment(autoescape=True).parse(template).body
    node = body[0].nodes[0] if len(body) == 1 and isinstance(body[0], nodes.Output) else None
    if isinstance(node, nodes.Filter) and node.name == "default" and isinstance(node.node, nodes.Name) and node.args:
        try:
            return node.node.name, node.args[0].as_const()
        except nodes.Impossible:
            return None
    return None


def schema_findings(role: roles.Role, defaults: dict[str, Any]) -> Iterator[str]:
    """Defaults of the role that differ from the schema's."""
    for name, template in role.defaults.items():
        read = schema_default(template)
        if read and read[0] in defaults and defaults[read[0]] != read[1]:
            yield f"roles/{role.name}: {name} reads {read[0]} with {read[1]!r}, the schema says {defaults[read[0]]!r}"


def unknown_findings(known: set[str]) -> Iterator[str]:
    """``kubeops_*`` variables in roles and playbooks that the schema does not have."""
    used: list[tuple[str, Path]] = []
    for role in roles.all_roles():
        used += list(roles.names_used_by(role).items())
    for path in sorted((paths.ROOT / "playbooks").rglob("*.yml")):
        used += [(name, path) for name in roles.used_names(yaml.safe_load(path.read_text()))]
    for name, path in used:
        if name.startswith("kubeops_") and name not in known:
            yield f"{path.relative_to(paths.ROOT)}: {name} is not in the schema of collection-wide variables"


def main() -> int:
    every = roles.all_roles()
    defaults = {variable.name: variable.default for variable in collection_data.variables()}
    findings = [*unknown_findings({*defaults, *collection_data.facts()})]
    for role in every:
        findings += [*spec_findings(role), *name_findings(role), *schema_findings(role, defaults)]
    return report(findings, f"{len(every)} roles")


if __name__ == "__main__":
    sys.exit(main())
