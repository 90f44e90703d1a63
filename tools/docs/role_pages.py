# SPDX-License-Identifier: GPL-3.0-or-later
"""README.md of every role, from its argument specs and defaults."""

from __future__ import annotations

from pathlib import Path

from tools import paths, roles
from tools.checks.role_variables import schema_default
from tools.docs import markdown, options

PAGE = """\
{generated}
# kubeops.cluster.{name}

{short}

{description}

## Variables

{variables}"""


def default_of(role: roles.Role, name: str) -> str:
    """Default for the table: the literal, and the collection-wide variable that it follows."""
    default = role.defaults.get(name)
    read = schema_default(default)
    if read is None:
        return markdown.value(default)
    literal = markdown.value(read[1])
    return f"`{read[0]}`, else {literal}" if read[1] not in ("", None) else f"`{read[0]}`"


def page(role: roles.Role) -> str:
    """The README of one role."""
    defaults = {name: default_of(role, name) for name in role.options}
    return PAGE.format(
        generated=markdown.GENERATED.format(source="meta/argument_specs.yml and defaults/main.yml"),
        name=role.name,
        short=markdown.prose(role.spec.get("short_description")) + ".",
        description=markdown.prose(role.spec.get("description")),
        variables=options.option_table(role.options, defaults) if role.options else "None.\n",
    )


def pages() -> dict[Path, str]:
    """Path to content of every role's README."""
    return {role.directory.relative_to(paths.ROOT) / "README.md": page(role) for role in roles.all_roles() if role.spec}
