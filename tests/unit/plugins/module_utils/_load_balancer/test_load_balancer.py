# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.kubeops.cluster.plugins.module_utils._load_balancer import haproxy, keepalived, plan
from ansible_collections.kubeops.cluster.plugins.module_utils._load_balancer.model import (
    Backend,
    File,
    Haproxy,
    Keepalived,
    Observed,
    SeenFile,
    SeenService,
    Service,
)

GOLDEN = Path(__file__).parent / "golden"
BACKENDS = (Backend("cp1", "192.0.2.11", 6443), Backend("cp2", "192.0.2.12", 6443))
BALANCER = Haproxy(8443, BACKENDS, peers=("192.0.2.12",))
ADDRESS = Keepalived("192.0.2.100", "eth0", "192.0.2.11", "cp1", ("192.0.2.12",), 200, 0)
CONFIG = "/etc/haproxy/haproxy.cfg"


def test_haproxy_golden() -> None:
    assert haproxy.render(BALANCER) == (GOLDEN / "haproxy.cfg").read_text()


def test_keepalived_golden() -> None:
    assert keepalived.render(ADDRESS) == (GOLDEN / "keepalived.conf").read_text()


def test_fingerprint_is_the_same_in_the_file_and_in_show_info() -> None:
    config = haproxy.render(BALANCER)
    shown = f"Name: HAProxy\nnode: cp1\ndescription: {haproxy.fingerprint(config)}\nUptime: 0d\n"
    assert haproxy.fingerprint(shown) == haproxy.fingerprint(config)
    assert haproxy.fingerprint(config).startswith("kubeops-")


def test_fingerprint_changes_with_a_backend() -> None:
    other = haproxy.render(Haproxy(8443, BACKENDS[:1], peers=("192.0.2.12",)))
    assert haproxy.fingerprint(other) != haproxy.fingerprint(haproxy.render(BALANCER))


@pytest.mark.parametrize(
    ("settings", "bind"),
    [
        (BALANCER, "bind *:8443"),
        (Haproxy(8443, BACKENDS, bind_address="192.0.2.100"), "bind 192.0.2.100:8443"),
        (Haproxy(8443, (Backend("cp1", "2001:db8::1", 6443),)), "bind [::]:8443 v4v6"),
    ],
)
def test_bind(settings: Haproxy, bind: str) -> None:
    assert bind in haproxy.render(settings)


@pytest.mark.parametrize(("vip", "router_id"), [("192.0.2.100", 100), ("192.0.2.0", 255), ("2001:db8::7", 7)])
def test_router_id(vip: str, router_id: int) -> None:
    assert keepalived.router_id(vip) == router_id


@pytest.mark.parametrize(("position", "priority"), [(0, 200), (1, 199), (500, 1)])
def test_priority(position: int, priority: int) -> None:
    assert keepalived.priority(position) == priority


def observed(content: str | None = "new", **service: Any) -> Observed:
    seen = SeenFile(content, 0o644, 100.0) if content is not None else SeenFile()
    state: dict[str, Any] = {"active": True, "enabled": True, "changed_at": 200.0, "fingerprint": "f", **service}
    return Observed({CONFIG: seen}, {"haproxy": SeenService(**state)})


@pytest.mark.parametrize(
    ("seen", "fingerprint", "actions"),
    [
        (observed(), "f", []),
        (observed("old"), "f", ["write", "reload"]),
        (observed(None, active=False, enabled=False), "f", ["write", "enable", "start"]),
        (observed(active=False), "f", ["start"]),
        # A run died between writing the file and the reload.
        (observed(fingerprint="older"), "f", ["reload"]),
        (observed(fingerprint=None), "f", ["reload"]),
        (observed(changed_at=50.0), "", ["reload"]),
        (observed(changed_at=150.0), "", []),
    ],
)
def test_plan(seen: Observed, fingerprint: str, actions: list[str]) -> None:
    service = Service("haproxy", (File(CONFIG, "new"),), fingerprint)
    assert [step.action for step in plan.make([service], seen).steps] == actions


def test_diff_shows_only_files_that_differ() -> None:
    service = Service("haproxy", (File(CONFIG, "new"),), "f")
    decided = plan.make([service], observed("old"))
    assert (decided.before, decided.after) == (f"--- {CONFIG}\nold", f"--- {CONFIG}\nnew")


@pytest.mark.parametrize(
    ("balancer", "address", "own", "rules"),
    [
        (BALANCER, ADDRESS, {"192.0.2.11"}, []),
        (Haproxy(6443, BACKENDS), ADDRESS, {"192.0.2.11"}, ["endpoint_port"]),
        (Haproxy(6443, BACKENDS, bind_address="192.0.2.100"), None, {"192.0.2.11"}, []),
        (Haproxy(6443, BACKENDS), None, {"192.0.2.50"}, []),
        (BALANCER, Keepalived("192.0.2.12", "eth0", "192.0.2.11", "cp1", (), 200, 0), set(), ["vip_free"]),
        (BALANCER, Keepalived("192.0.2.100", "", "192.0.2.11", "cp1", (), 200, 0), set(), ["vip_interface"]),
    ],
)
def test_refusals(balancer: Haproxy, address: Keepalived | None, own: set[str], rules: list[str]) -> None:
    assert [refused.rule for refused in plan.refusals(balancer, address, own)] == rules
