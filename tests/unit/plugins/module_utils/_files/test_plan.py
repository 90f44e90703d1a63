# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The decisions of managed_files."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.kubeops.cluster.plugins.module_utils._files.model import (
    ABSENT,
    FileRequest,
    FileState,
    ServiceRequest,
    file_request,
)
from ansible_collections.kubeops.cluster.plugins.module_utils._files.plan import (
    diffs,
    plan_file,
    plan_service,
    restart_due,
)
from ansible_collections.kubeops.cluster.plugins.module_utils._systemd.unit import UnitState

WANTED = FileRequest(path="/etc/x", content="new\n", mode=0o600, owner="root", group="0", secret=True)
SAME = FileState(content=b"new\n", mode=0o600, owner="root", group="root", mtime=50.0)
RUNNING = UnitState("x", True, "active", unit_file_state="enabled", started_at=100.0, changed_at=200.0)

ENTRY = {
    "path": "/etc/x",
    "content": "a",
    "mode": "0640",
    "owner": None,
    "group": None,
    "state": "present",
    "secret": False,
    "validate": "",
    "backup": True,
}


@pytest.mark.parametrize(
    ("wanted", "seen", "action", "reason"),
    [
        (WANTED, SAME, None, None),
        (WANTED, ABSENT, "write", "missing"),
        (WANTED, replace(SAME, content=b"old\n"), "write", "content differs"),
        (WANTED, replace(SAME, mode=0o644), "set attributes", "mode is 0644, wanted 0600"),
        (WANTED, replace(SAME, owner="etcd", uid=5), "set attributes", "owner is etcd:root"),
        (replace(WANTED, owner=None), replace(SAME, owner="etcd", uid=5), None, None),
        (replace(WANTED, present=False), SAME, "remove", "not wanted any more"),
        (replace(WANTED, present=False), ABSENT, None, None),
    ],
)
def test_one_step_per_difference(wanted, seen, action, reason):
    step = plan_file(wanted, seen)
    assert (step.action, step.reason) == (action, reason) if action else step is None


@pytest.mark.parametrize(
    ("service", "unit", "changed", "mtime", "actions"),
    [
        (ServiceRequest("x"), RUNNING, [], 50.0, []),
        (ServiceRequest("x"), RUNNING, ["/etc/x"], 50.0, ["restart"]),
        (ServiceRequest("x", when_changed=("/etc/y",)), RUNNING, ["/etc/x"], 50.0, []),
        (ServiceRequest("x", state="reloaded"), RUNNING, ["/etc/x"], 50.0, ["reload"]),
        # A run was killed after the write and before the restart.
        (ServiceRequest("x"), RUNNING, [], 150.0, ["restart"]),
        (ServiceRequest("x", state="reloaded"), RUNNING, [], 150.0, []),
        (ServiceRequest("x", state="reloaded"), RUNNING, [], 250.0, ["reload"]),
        (ServiceRequest("x"), replace(RUNNING, active_state="failed"), [], 50.0, ["start"]),
        (ServiceRequest("x", enabled=True), replace(RUNNING, unit_file_state="disabled"), [], 50.0, ["enable"]),
        (ServiceRequest("x", enabled=False), RUNNING, [], 50.0, ["disable"]),
        (ServiceRequest("x", enabled=True), replace(RUNNING, unit_file_state="static"), [], 50.0, []),
        (ServiceRequest("x"), replace(RUNNING, need_daemon_reload=True), [], 50.0, ["daemon-reload"]),
        (ServiceRequest("x", enabled=True), UnitState("x"), [], 50.0, ["enable", "start"]),
        # Skipped by its own conditions, such as a clock service in a container.
        (ServiceRequest("x"), replace(RUNNING, active_state="inactive", condition_met=False), [], 50.0, []),
    ],
)
def test_units_follow_their_files(service, unit, changed, mtime, actions):
    assert [step.action for step in plan_service(service, unit, changed, {"/etc/x": mtime})] == actions


@pytest.mark.parametrize(
    ("state", "unit", "changed", "mtime", "due"),
    [
        ("reported", RUNNING, [], 50.0, False),
        ("reported", RUNNING, ["/etc/x"], 50.0, True),
        ("reported", RUNNING, [], 150.0, True),
        ("reported", replace(RUNNING, replaced=True), [], 50.0, True),
        ("reported", replace(RUNNING, active_state="failed"), [], 50.0, True),
        ("restarted", replace(RUNNING, replaced=True), ["/etc/x"], 50.0, False),
    ],
)
def test_a_restart_that_another_task_makes_is_due(state, unit, changed, mtime, due):
    service = ServiceRequest("x", state=state)
    assert restart_due(service, unit, changed, {"/etc/x": mtime}) is due


def test_a_changed_unit_file_reloads_systemd_first():
    path = "/etc/systemd/system/x.service.d/proxy.conf"
    steps = plan_service(ServiceRequest("x"), RUNNING, [path], {path: 0.0})
    assert [step.action for step in steps] == ["daemon-reload", "restart"]


def test_secrets_never_reach_a_diff():
    (entry,) = diffs([WANTED], {"/etc/x": replace(SAME, content=b"old password")})
    assert "password" not in str(entry) and "new\n" not in entry["after"]
    assert entry["before"] != entry["after"]


def test_diff_has_headers_and_whole_contents():
    (entry,) = diffs([replace(WANTED, secret=False)], {})
    assert entry == {"before_header": "/etc/x", "after_header": "/etc/x", "before": "", "after": "new\n"}


def test_request_from_options():
    assert file_request(ENTRY) == FileRequest("/etc/x", "a", 0o640)


@pytest.mark.parametrize(
    ("override", "message"), [({"mode": "u=rw"}, "not octal"), ({"validate": "visudo -c"}, "lacks %s")]
)
def test_wrong_options_are_named(override, message):
    with pytest.raises(ValueError, match=message):
        file_request({**ENTRY, **override})
