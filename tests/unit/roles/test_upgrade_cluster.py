# SPDX-License-Identifier: GPL-3.0-or-later
"""What -e name=value hands to the role is a string: argument specs check types, they do not convert."""

from __future__ import annotations

import re

from tools import paths
from tools.roles import Role

ROLE = Role("upgrade_cluster", paths.ROOT / "roles" / "upgrade_cluster")


def conditions(text: str) -> list[str]:
    """Lines of a tasks file that are a condition, or one of a list of them."""
    return [line.strip() for line in text.splitlines() if re.match(r"\s*(when: |that: |- [^:]*$)", line)]


def test_conditions_convert_what_may_be_a_string() -> None:
    typed = {name: option["type"] for name, option in ROLE.options.items() if option["type"] in ("bool", "int")}
    bare = [
        f"{file.name}: {line}"
        for file in sorted((ROLE.directory / "tasks").glob("*.yml"))
        for line in conditions(file.read_text())
        for name, kind in typed.items()
        if re.search(rf"\b{name}\b(?! \| {kind})", line)
    ]
    assert typed and bare == []


def test_templates_convert_what_may_be_a_string() -> None:
    text = (ROLE.directory / "vars/main.yml").read_text()
    for name in ("upgrade_cluster_hops", "upgrade_cluster_canary"):
        assert len(re.findall(rf"\b{name}\b", text)) == text.count(f"{name} | int") > 0
