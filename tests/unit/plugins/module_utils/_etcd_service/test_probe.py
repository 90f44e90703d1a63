# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose quorum counts."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.kubeops.cluster.plugins.module_utils._core.runner import Programs, Runner
from ansible_collections.kubeops.cluster.plugins.module_utils._etcd.model import Member
from ansible_collections.kubeops.cluster.plugins.module_utils._etcd_service import probe, versions
from ansible_collections.kubeops.cluster.plugins.module_utils._etcd_service.probe import View, with_quorum
from ansible_collections.kubeops.cluster.plugins.module_utils._systemd.unit import UnitState


def view(voters: int, refusal: str = "") -> View:
    return View([Member(str(number), f"e{number}", (), ()) for number in range(voters)], refusal)


@pytest.mark.parametrize(
    ("views", "at", "silence"),
    [
        ({"a": view(3), "b": view(3)}, "a", ""),
        ({"a": view(0, "refused"), "b": view(3)}, "b", ""),
        ({"a": view(3, "no leader"), "b": view(3, "no leader")}, "", "a: no leader; b: no leader"),
        # a was started on an empty disk
        ({"a": view(1), "b": view(3)}, "b", ""),
        ({"a": view(1), "b": view(3, "down")}, "", "a: it lists 1 of the 3 voters that another member knows; b: down"),
        ({"a": view(1), "b": view(2, "down")}, "", "a: it lists 1 of the 2 voters that another member knows; b: down"),
        # c was removed, and does not know it
        ({"a": view(2), "b": view(2), "c": view(3, "no leader")}, "a", ""),
        ({"a": view(1)}, "a", ""),
        ({}, "", ""),
    ],
)  # fmt: skip
def test_quorum_of_the_cluster_that_most_are_known_of(views: dict[str, View], at: str, silence: str) -> None:
    assert with_quorum(views) == (at, silence)


@pytest.mark.parametrize(
    ("listed", "on_disk", "at", "silence"),
    [
        # what answers began anew, and the data that would be given up is the last of the cluster
        (1, 3, "", "a: it lists 1 of the 3 voters that the data on this host knows"),
        # this host was removed
        (2, 3, "a", ""),
        (3, 3, "a", ""),
        (1, 0, "a", ""),
    ],
)
def test_quorum_by_the_data_of_this_host(listed: int, on_disk: int, at: str, silence: str) -> None:
    assert with_quorum({"a": view(listed)}, on_disk) == (at, silence)


@pytest.mark.parametrize(
    ("data", "program", "version"),
    [(True, True, (3, 5, 20)), (True, False, None), (False, True, None)],
    ids=["stopped", "its program is gone", "no member yet"],
)
def test_version_of_a_stopped_member(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data: bool, program: bool, version: versions.Version | None
) -> None:
    etcd = tmp_path / "3.5.20" / "etcd"
    if program:
        etcd.parent.mkdir()
        etcd.write_text("#!/bin/sh\necho etcd Version: 3.5.20\n")
        etcd.chmod(0o755)
    if data:
        (tmp_path / "member" / "wal").mkdir(parents=True)
        (tmp_path / "member" / "wal" / "0.wal").touch()
    unit = {"etcd.service": UnitState("etcd.service", loaded=True, program=str(etcd))}
    monkeypatch.setattr(probe, "read_units", lambda _runner, _names: unit)
    assert probe.stopped_version(Runner(Programs()), "etcd.service", str(tmp_path)) == version
