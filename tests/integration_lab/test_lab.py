# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab against this host's kernel, in a state directory of its own."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest

from tests.integration_lab.lab_runner import LabRunner
from tests.lab import cgroups, uplink

NODES = "cp1:control_plane,w1:workers"


def traces(runner: LabRunner) -> dict[str, list[str]]:
    """All that this state directory's labs have on the host, by kind."""
    scope, layout = runner.paths.scope, cgroups.detect()
    state = str(runner.paths.state)
    netns = Path("/run/netns")
    return {
        "namespaces": sorted(path.name for path in netns.glob(f"{scope}.*")),
        "links": [link for link in _links() if link in _own_links(runner)],
        "cgroups": [str(root / scope) for root in layout.roots if (root / scope).exists()],
        "processes": [path.name for path in Path("/proc").glob("[0-9]*") if _lives_in(path, scope)],
        "mounts": [line for line in Path("/proc/self/mounts").read_text().splitlines() if state in line],
        "files": [state] if Path(state).exists() else [],
        "rules": [" ".join(rule) for link in sorted(_own_links(runner)) for rule in _rules(link)],
    }


def _links() -> list[str]:
    return sorted(path.name for path in Path("/sys/class/net").iterdir())


def _own_links(runner: LabRunner) -> set[str]:
    return {runner.paths.names(lab).link for lab in ("one", "two")}


def _rules(link: str) -> list[list[str]]:
    return [rule for table, chain in uplink.CHAINS for rule in uplink.rules(table, chain, link)]


def _lives_in(process: Path, scope: str) -> bool:
    """A dead one that the host's init has not reaped yet does not count."""
    try:
        alive = "State:\tZ" not in (process / "status").read_text()
        return alive and scope in (process / "cgroup").read_text()
    except OSError:
        return False


def test_life_of_a_lab(lab: LabRunner) -> None:
    lab("up", "--id", "one", "--nodes", NODES)
    assert lab("ssh", "--id", "one", "w1", "hostname").strip() == "w1"
    assert lab.states("one") == {"cp1": ("running", "ok"), "w1": ("running", "ok")}

    boot = lab("exec", "--id", "one", "w1", "cat", "/proc/sys/kernel/random/boot_id")
    lab("up", "--id", "one", "--nodes", NODES)
    assert lab("exec", "--id", "one", "w1", "cat", "/proc/sys/kernel/random/boot_id") == boot, "up restarted a node"

    address = lab("ssh", "--id", "one", "w1", "hostname", "-I").strip()
    ping = ["ssh", "--id", "one", "cp1", "ping", "-c1", "-W1", address]
    assert lab.try_run(*ping).returncode == 0
    lab("cut", "--id", "one", "w1")
    assert lab.states("one")["w1"] == ("running", "cut")
    assert lab.try_run(*ping).returncode != 0
    assert lab("exec", "--id", "one", "w1", "hostname").strip() == "w1", "exec goes past the network"
    lab("heal", "--id", "one", "w1")
    assert lab.try_run(*ping).returncode == 0

    lab("exec", "--id", "one", "w1", "sh", "-c", "echo kept >/root/file; sync")
    lab("stop", "--id", "one", "w1")
    lab("stop", "--id", "one", "w1")
    assert lab.states("one") == {"cp1": ("running", "ok"), "w1": ("stopped", "ok")}
    lab("start", "--id", "one", "w1")
    assert lab("ssh", "--id", "one", "w1", "cat", "/root/file").strip() == "kept"

    lab("rm", "--id", "one", "w1")
    lab("rm", "--id", "one", "w1")
    assert set(lab.states("one")) == {"cp1"}


def test_a_node_is_a_machine(lab: LabRunner) -> None:
    lab("up", "--id", "one", "--nodes", NODES)
    identities = [lab("ssh", "--id", "one", node, "cat", "/etc/machine-id") for node in ("cp1", "w1")]
    assert identities[0] != identities[1]
    script = "systemctl is-system-running --wait; systemctl is-active containerd; systemctl is-active haproxy"
    assert lab.try_run("ssh", "--id", "one", "cp1", script).stdout.split() == ["running", "active", "inactive"]
    writable = "for d in /sys/fs/cgroup/*/; do test ! -e $d/cgroup.procs || mkdir $d/probe && rmdir $d/probe; done"
    assert lab.try_run("ssh", "--id", "one", "cp1", writable).returncode == 0
    assert lab.paths.key("one").stat().st_mode & 0o777 == 0o600


def test_a_reboot_from_inside_comes_back(lab: LabRunner) -> None:
    lab("up", "--id", "one", "--nodes", NODES)
    boot_id = ("--id", "one", "w1", "cat", "/proc/sys/kernel/random/boot_id")
    before, deadline = lab("exec", *boot_id), time.monotonic() + 60
    lab("exec", "--id", "one", "w1", "sh", "-c", "echo kept >/root/file; systemctl reboot")
    while (after := lab.try_run("ssh", *boot_id)).returncode != 0 or after.stdout == before:
        assert time.monotonic() < deadline, after.stderr
        time.sleep(0.5)
    assert lab("ssh", "--id", "one", "w1", "cat", "/root/file").strip() == "kept"
    lab("exec", "--id", "one", "w1", "systemctl", "poweroff")
    while lab.states("one")["w1"] != ("stopped", "ok"):
        assert time.monotonic() < deadline, lab.states("one")
        time.sleep(0.5)


def test_two_labs_side_by_side(lab: LabRunner) -> None:
    both = [lab.start("up", "--id", name, "--nodes", NODES) for name in ("one", "two")]
    assert [process.wait(timeout=300) for process in both] == [0, 0]
    addresses = {name: lab("ssh", "--id", name, "cp1", "hostname", "-I").strip() for name in ("one", "two")}
    assert addresses["one"] != addresses["two"]
    assert lab.try_run("ssh", "--id", "one", "cp1", "ping", "-c1", "-W1", addresses["two"]).returncode != 0
    lab("down", "--id", "one")
    assert lab("ssh", "--id", "two", "cp1", "hostname").strip() == "cp1"


def test_a_way_out_is_opened_for_one_lab_alone(lab: LabRunner) -> None:
    """The other lab is the world outside: whoever gets there comes from this host."""
    listen = "import socket; s = socket.create_server(('', 7000)); print(s.accept()[1][0])"
    connect = "import socket, sys; socket.create_connection((sys.argv[1], 7000), 5)"
    lab("up", "--id", "two", "--nodes", "w1:workers")
    world = lab("ssh", "--id", "two", "w1", "hostname", "-I").strip()
    outside = lab.start("exec", "--id", "two", "w1", "python3", "-c", listen)
    lab("up", "--id", "one", "--nodes", "w1:workers")
    try_it = ["exec", "--id", "one", "w1", "python3", "-c", connect, world]
    assert lab.try_run(*try_it).returncode != 0

    for __ in range(2):
        lab("up", "--id", "one", "--nodes", "w1:workers", "--internet")
    lab(*try_it)
    stdout, stderr = outside.communicate(timeout=10)
    assert stdout.strip() == world.rpartition(".")[0] + ".1", stderr
    link = lab.paths.names("one").link
    assert len(_rules(link)) == 3
    lab("rm", "--id", "one", "--all")
    assert _rules(link) == []


def test_killed_up_is_finished_by_the_next(lab: LabRunner) -> None:
    started = time.monotonic()
    lab("up", "--id", "one", "--nodes", NODES)
    usual = time.monotonic() - started
    for part in (0.15, 0.4, 0.7):
        lab("down", "--id", "one")
        process = lab.start("up", "--id", "one", "--nodes", NODES)
        time.sleep(usual * part)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        lab("up", "--id", "one", "--nodes", NODES)
        assert lab("ssh", "--id", "one", "w1", "hostname").strip() == "w1"


@pytest.mark.parametrize("killed", [False, True])
def test_clean_leaves_no_trace(lab: LabRunner, killed: bool) -> None:
    started = time.monotonic()
    lab("up", "--id", "one", "--nodes", NODES, "--internet")
    usual = time.monotonic() - started
    present = traces(lab)
    present.pop("mounts")  # a node's are in its own mount namespace
    assert all(present.values()), f"not all kinds of trace are looked for: {present}"
    if killed:
        process = lab.start("up", "--id", "two", "--nodes", NODES, "--internet")
        time.sleep(usual * 0.9)
        process.send_signal(signal.SIGKILL)
        process.communicate()
    lab("clean")
    lab("clean")
    assert not any(traces(lab).values()), traces(lab)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("up", "--id", "One"), "lab id 'One'"),
        (("up", "--id", "one", "--nodes", "a:masters"), "group 'masters'"),
        (("stop", "--id", "none", "a"), "no lab 'none'"),
        (("stop", "--id", "none"), "no lab 'none'"),
    ],
)
def test_bad_input_is_one_clear_line(lab: LabRunner, arguments: tuple[str, ...], message: str) -> None:
    done = lab.try_run(*arguments)
    assert done.returncode == 1
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1
