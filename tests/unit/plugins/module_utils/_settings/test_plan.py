# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The decisions of node_settings."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.kubeops.cluster.plugins.module_utils._settings.model import (
    FSTAB,
    Observed,
    Sysctl,
    Wanted,
    modules_text,
    parse_swaps,
    swap_unit,
    sysctl_path,
    sysctl_text,
    without_swap,
)
from ansible_collections.kubeops.cluster.plugins.module_utils._settings.plan import plan_settings

FORWARD = "net.ipv4.ip_forward"
WANTED = Wanted(True, ("overlay", "br_netfilter"), "/m", {FORWARD: "1"}, "/s")
CONVERGED = Observed(
    effective_modules=frozenset(WANTED.modules),
    sysctls={FORWARD: Sysctl("1")},
    modules_file=modules_text(WANTED.modules),
    sysctl_file=sysctl_text(WANTED.sysctls),
    fstab="/dev/sda1 / ext4 defaults 0 1\n",
)


@pytest.mark.parametrize(
    ("seen", "steps"),
    [
        (CONVERGED, []),
        (replace(CONVERGED, modules_file=None), [("write", "/m")]),
        (replace(CONVERGED, sysctl_file="old"), [("write", "/s")]),
        (replace(CONVERGED, effective_modules=frozenset({"overlay"})), [("modprobe", "br_netfilter")]),
        (replace(CONVERGED, sysctls={FORWARD: Sysctl("0")}), [("sysctl", FORWARD)]),
        (replace(CONVERGED, fstab="/swapfile none swap sw 0 0\n"), [("write", FSTAB)]),
        (
            replace(CONVERGED, fstab="/swapfile none swap sw 0 0\n", active_swap=("/swapfile",)),
            [("write", FSTAB), ("swapoff", "/swapfile")],
        ),
        (replace(CONVERGED, active_swap=("/dev/sda3",)), [("swapoff", "/dev/sda3"), ("mask", "dev-sda3.swap")]),
    ],
)
def test_one_step_per_difference(seen, steps):
    plan = plan_settings(WANTED, seen)
    assert [(step.action, step.target) for step in plan.steps] == steps
    assert not plan.refusals
    assert bool(plan.before) == plan.changed


def test_tolerated_swap_is_left_alone():
    seen = replace(CONVERGED, active_swap=("/dev/sda3",), fstab="/dev/sda3 none swap sw 0 0\n")
    assert not plan_settings(replace(WANTED, swap_off=False), seen).changed


@pytest.mark.parametrize(
    ("key", "rule"), [(Sysctl(None), "sysctl-exists"), (Sysctl("0", writable=False), "sysctl-writable")]
)
def test_a_key_that_cannot_be_set_is_refused_by_name_or_left_out_when_optional(key, rule):
    seen = replace(CONVERGED, sysctls={FORWARD: key})
    (refusal,) = plan_settings(WANTED, seen).refusals
    assert refusal.rule == rule and FORWARD in refusal.evidence
    tolerant = plan_settings(replace(WANTED, optional_sysctls=frozenset({FORWARD})), seen)
    assert not tolerant.refusals and FORWARD in tolerant.warnings[0]
    assert [step.target for step in tolerant.steps] == ["/s"]


def test_a_read_only_key_with_the_wanted_value_is_fine():
    seen = replace(CONVERGED, sysctls={FORWARD: Sysctl("1", writable=False)})
    plan = plan_settings(WANTED, seen)
    assert not plan.changed and not plan.refusals


def test_a_key_that_a_module_brings_is_planned_after_the_module():
    wanted = replace(WANTED, sysctls={"net.bridge.bridge-nf-call-iptables": "1"})
    seen = replace(CONVERGED, effective_modules=frozenset({"overlay"}), sysctls={})
    actions = [step.action for step in plan_settings(wanted, seen).steps]
    assert actions == ["modprobe", "write", "sysctl"] and not plan_settings(wanted, seen).refusals


def test_zram_is_pointed_at():
    plan = plan_settings(WANTED, replace(CONVERGED, active_swap=("/dev/zram0",)))
    assert "zram0" in plan.warnings[0]


@pytest.mark.parametrize(
    ("name", "path"),
    [
        (FORWARD, "/proc/sys/net/ipv4/ip_forward"),
        ("net/ipv4/conf/eth0.100/forwarding", "/proc/sys/net/ipv4/conf/eth0.100/forwarding"),
        ("net.ipv4.conf.eth0/100.forwarding", "/proc/sys/net/ipv4/conf/eth0.100/forwarding"),
    ],
)
def test_sysctl_path(name, path):
    assert sysctl_path(name) == path


def test_values_are_compared_without_white_space():
    wanted = replace(WANTED, sysctls={FORWARD: "1 2"})
    seen = replace(CONVERGED, sysctls={FORWARD: Sysctl("1\t2")}, sysctl_file=sysctl_text(wanted.sysctls))
    assert not plan_settings(wanted, seen).changed


def test_fstab_keeps_everything_but_swap():
    text = "# <file system>\nUUID=1 / ext4 defaults 0 1\nUUID=2 none\tswap sw 0 0\n#/old none swap sw 0 0\n"
    changed = without_swap(text)
    assert changed.splitlines()[2] == "# swap off (kubeops.cluster): UUID=2 none\tswap sw 0 0"
    assert without_swap(changed) == changed
    assert [line for index, line in enumerate(changed.splitlines()) if index != 2] == [
        line for index, line in enumerate(text.splitlines()) if index != 2
    ]


def test_proc_swaps():
    header = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"
    assert parse_swaps(header) == ()
    assert parse_swaps(header + "/dev/sda2   partition\t100\t0\t-2\n/a\\040b  file 1 0 -3\n") == ("/dev/sda2", "/a b")


@pytest.mark.parametrize(
    ("path", "unit"), [("/swapfile", "swapfile.swap"), ("/dev/disk/by-id/a-b", "dev-disk-by\\x2did-a\\x2db.swap")]
)
def test_swap_unit(path, unit):
    assert swap_unit(path) == unit
