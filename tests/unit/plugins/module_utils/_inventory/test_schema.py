# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of collection-wide variables agrees with itself and with what roles take as defaults."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.kubeops.cluster.plugins.module_utils._inventory.rules_variables import has_type
from ansible_collections.kubeops.cluster.plugins.module_utils._inventory.schema import (
    BY_NAME,
    PREFIX,
    VARIABLES,
    Variable,
)

ROLES = Path(__file__).parents[5] / "roles"
# {{ kubeops_x | default(LITERAL) }}, with nothing else in the literal than a literal
USE = re.compile(r"(kubeops_[a-z_]+)\s*\|\s*default\(\s*('[^']*'|\"[^\"]*\"|[-\w.]+|\[[^\])]*\]|\{\s*\})\s*[,)]")
NAME = re.compile(r"\b(kubeops_[a-z_]+)\b(?!\.)")
LITERALS = {"true": True, "false": False}


def test_names_are_unique_and_prefixed() -> None:
    assert len(BY_NAME) == len(VARIABLES)
    assert all(name.startswith(PREFIX) for name in BY_NAME)


@pytest.mark.parametrize("variable", VARIABLES, ids=lambda variable: variable.name)
def test_default_fits_type_and_choices(variable: Variable) -> None:
    assert has_type(variable.default, variable.type)
    assert not variable.choices or variable.default in variable.choices


def defaults_in_roles() -> list[tuple[str, str, Any]]:
    found = []
    for path in sorted(ROLES.glob("*/defaults/*.yml")):
        for name, literal in USE.findall(path.read_text()):
            if literal in LITERALS or re.fullmatch(r"['\"\[{].*|-?\d+", literal, re.DOTALL):
                value = LITERALS.get(literal) if literal in LITERALS else ast.literal_eval(literal)
                found.append((path.parts[-3], name, value))
    return found


def test_roles_take_the_same_defaults() -> None:
    found = defaults_in_roles()
    assert len(found) > 10
    differing = [
        (role, name, value) for role, name, value in found if name in BY_NAME and BY_NAME[name].default != value
    ]
    assert differing == []


def test_roles_read_no_variable_that_the_table_lacks() -> None:
    known = {*BY_NAME, "kubeops_node", "kubeops_cluster"}
    read = {
        (path.parts[-3], name) for path in ROLES.glob("*/defaults/*.yml") for name in NAME.findall(path.read_text())
    }
    assert sorted((role, name) for role, name in read if name not in known) == []
