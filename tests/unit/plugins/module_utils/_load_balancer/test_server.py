# SPDX-License-Identifier: GPL-3.0-or-later
"""One API server behind haproxy: what is read, what is decided."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.kubeops.cluster.plugins.module_utils._load_balancer.server import (
    Server,
    close,
    command,
    parse,
    plan,
    sessions,
)

FIXTURES = Path(__file__).parents[3] / "fixtures" / "haproxy"
UP, DOWN, DRAINED, MAINTAINED = Server(True), Server(False), Server(True, drained=True), Server(False, maintenance=True)


@pytest.mark.parametrize(
    "recorded", sorted(FIXTURES.glob("*/show_servers_state.txt")), ids=lambda path: path.parent.name
)
def test_state_as_haproxy_tells_it(recorded: Path) -> None:
    assert parse(recorded.read_text()) == {"cp1": DRAINED, "cp2": UP, "cp3": DOWN}


def test_no_answer_is_no_servers() -> None:
    assert parse("\n") == {}


@pytest.mark.parametrize(
    ("state", "servers", "steps", "refusals"),
    [
        ("drain", {"cp1": UP, "cp2": UP}, ["drain"], []),
        ("drain", {"cp1": DRAINED, "cp2": UP}, [], []),
        ("drain", {"cp1": DOWN, "cp2": UP}, ["drain"], []),
        ("drain", {"cp1": UP, "cp2": DOWN}, [], ["load_balancer.last_server"]),
        ("drain", {"cp1": UP, "cp2": DRAINED}, [], ["load_balancer.last_server"]),
        ("drain", {"cp1": UP}, [], ["load_balancer.last_server"]),
        ("drain", {"cp2": UP}, [], ["load_balancer.unknown_server"]),
        ("drain", {"cp1": MAINTAINED, "cp2": UP}, [], []),
        ("ready", {"cp1": DRAINED, "cp2": UP}, ["ready"], []),
        ("ready", {"cp1": UP, "cp2": UP}, [], []),
        ("ready", {"cp1": DOWN, "cp2": UP}, [], []),
        ("ready", {"cp1": MAINTAINED, "cp2": UP}, [], []),
        ("ready", {}, [], ["load_balancer.unknown_server"]),
    ],
)
def test_plan(state: str, servers: dict[str, Server], steps: list[str], refusals: list[str]) -> None:
    decided = plan("cp1", state, servers)
    assert [step.action for step in decided.steps] == steps
    assert [refused.rule for refused in decided.refusals] == refusals


def test_command() -> None:
    assert command("cp1", "drain") == "set server kube-apiserver/cp1 state drain"


def test_open_sessions() -> None:
    recorded = next(FIXTURES.glob("*/show_stat.txt")).read_text()
    assert {name: sessions(name, recorded) for name in ("cp1", "cp2", "cp9")} == {"cp1": 6, "cp2": 1, "cp9": 0}
    assert close("cp1") == "shutdown sessions server kube-apiserver/cp1"
