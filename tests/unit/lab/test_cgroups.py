# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path

import pytest

from tests.lab import cgroups
from tests.lab.cgroups import Layout
from tests.lab.errors import LabError

HYBRID = """\
tmpfs /sys/fs/cgroup tmpfs rw,relatime,mode=755 0 0
cgroup /sys/fs/cgroup/cpu cgroup rw,relatime,cpu 0 0
cgroup /sys/fs/cgroup/memory cgroup rw,relatime,memory 0 0
cgroup /sys/fs/cgroup/systemd cgroup rw,relatime,name=systemd 0 0
cgroup2 /sys/fs/cgroup/unified cgroup2 rw,relatime 0 0
"""
PURE_V2 = """\
sysfs /sys sysfs rw,nosuid,nodev,noexec,relatime 0 0
cgroup2 /sys/fs/cgroup cgroup2 rw,nosuid,nodev,noexec,relatime,nsdelegate,memory_recursiveprot 0 0
"""
ROOT = Path("/sys/fs/cgroup")


@pytest.mark.parametrize(
    ("mounts", "layout"),
    [
        (HYBRID, Layout(1, (ROOT / "cpu", ROOT / "memory", ROOT / "systemd", ROOT / "unified"))),
        (PURE_V2, Layout(2, (ROOT,))),
    ],
)
def test_parse_layout(mounts: str, layout: Layout) -> None:
    assert cgroups.parse_layout(mounts) == layout


def test_no_cgroup_file_system_is_an_error() -> None:
    with pytest.raises(LabError, match="no cgroup file system"):
        cgroups.parse_layout("sysfs /sys sysfs rw 0 0\n")


def v2_tree(root: Path, controllers: str) -> Layout:
    (root / "cgroup.controllers").write_text(controllers)
    (root / "cgroup.subtree_control").write_text("")
    return Layout(2, (root,))


def test_v2_hands_every_controller_down(tmp_path: Path) -> None:
    layout = v2_tree(tmp_path, "cpuset cpu io memory pids\n")
    assert cgroups.create(layout, "node") == [tmp_path / "node/cgroup.procs"]
    assert (tmp_path / "cgroup.subtree_control").read_text() == "+cpu +cpuset +io +memory +pids"


def test_v2_leaves_delegated_controllers_alone(tmp_path: Path) -> None:
    layout = v2_tree(tmp_path, "cpuset cpu memory pids\n")
    (tmp_path / "cgroup.subtree_control").write_text("cpuset cpu memory\n")
    cgroups.create(layout, "node")
    assert (tmp_path / "cgroup.subtree_control").read_text() == "+pids"


def test_v2_without_a_needed_controller_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="lacks the cgroup controllers cpuset, memory"):
        cgroups.create(v2_tree(tmp_path, "cpu pids\n"), "node")


def test_v1_gets_a_group_in_every_hierarchy_and_a_filled_cpuset(tmp_path: Path) -> None:
    roots = tuple(tmp_path / name for name in ("cpu", "cpuset"))
    for root in roots:
        (root / "lab/node").mkdir(parents=True)
    for name, value in (("cpuset.cpus", "0-3\n"), ("cpuset.mems", "0\n")):
        (roots[1] / name).write_text(value)
        (roots[1] / "lab" / name).write_text("\n")
        (roots[1] / "lab/node" / name).write_text("\n")
    procs = cgroups.create(Layout(1, roots), "lab/node")
    assert procs == [root / "lab/node/cgroup.procs" for root in roots]
    assert (roots[1] / "lab/node/cpuset.cpus").read_text() == "0-3\n"
    assert (roots[1] / "lab/node/cpuset.mems").read_text() == "0\n"


def test_processes_of_all_groups_below(tmp_path: Path) -> None:
    for group, pids in (("node", "1\n"), ("node/payload", "2\n3\n"), ("other", "4\n")):
        (tmp_path / group).mkdir()
        (tmp_path / group / "cgroup.procs").write_text(pids)
    assert cgroups.processes(Layout(2, (tmp_path,)), "node") == {1, 2, 3}
    assert cgroups.processes(Layout(2, (tmp_path,)), "absent") == set()


def test_remove_takes_children_first_and_accepts_absence(tmp_path: Path) -> None:
    (tmp_path / "lab/node/payload").mkdir(parents=True)
    layout = Layout(2, (tmp_path,))
    cgroups.remove(layout, "lab")
    cgroups.remove(layout, "lab")
    assert not (tmp_path / "lab").exists()


def test_remove_of_a_group_in_use_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "lab").mkdir()
    (tmp_path / "lab/kept").write_text("")
    with pytest.raises(LabError, match="cannot be removed"):
        cgroups.remove(Layout(2, (tmp_path,)), "lab", timeout=0.05)


def test_what_lives_beside_a_group(tmp_path: Path) -> None:
    procs = [tmp_path / "cgroup.procs"]
    assert cgroups.beside(Layout(1, (tmp_path,)), procs) == procs
    assert cgroups.beside(Layout(2, (tmp_path,)), procs) == [tmp_path / "launcher" / "cgroup.procs"]
    assert (tmp_path / "launcher").is_dir(), "a group that hands on its controllers takes no process itself"
