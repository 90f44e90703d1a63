# SPDX-License-Identifier: GPL-3.0-or-later
"""What -e name=value hands to the role is a string: argument specs check types, they do not convert."""

from __future__ import annotations

import re

import yaml

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


def test_what_a_killed_run_left_is_taken_back_also_where_nothing_is_left_to_do() -> None:
    """A run killed while it verified leaves a cluster at the version, whose road has no hop."""
    tasks = yaml.safe_load((ROLE.directory / "tasks/main.yml").read_text())
    own = "kubeops.cluster."
    always = [task for task in tasks if "road.hops" not in str(task.get("when"))]
    assert any(task.get(f"{own}node_drain", {}).get("state") == "schedulable" for task in always)
    assert any(task.get("vars", {}).get("__upgrade_cluster_state") == "ready" for task in always)
    assert any(task.get(f"{own}api_probe", {}).get("state") == "stopped" for task in always)
