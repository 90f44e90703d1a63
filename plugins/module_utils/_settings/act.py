# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Carries out the plan of node_settings."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from .._core.errors import KubeopsError
from .._core.files import write_atomic
from .._core.plan import Step
from .._core.runner import Runner
from .model import FSTAB, sysctl_path
from .plan import LOAD, MASK, SET, SWAPOFF, WRITE


def apply(runner: Runner, steps: Sequence[Step]) -> None:
    for step in steps:
        _apply(runner, step)
    if any(step.target == FSTAB for step in steps):
        # Drops the .swap units that systemd generated from the old fstab.
        runner.run(["systemctl", "daemon-reload"])


def _apply(runner: Runner, step: Step) -> None:
    if step.action == WRITE:
        Path(step.target).parent.mkdir(parents=True, exist_ok=True)
        write_atomic(step.target, step.data["content"], backup=True)
    elif step.action == SWAPOFF:
        runner.run(["swapoff", step.target])
    elif step.action == MASK:
        runner.run(["systemctl", "mask", step.target])
    elif step.action == LOAD:
        _load(runner, step.target)
    elif step.action == SET:
        _set(step.target, step.data["value"])


def _load(runner: Runner, module: str) -> None:
    loaded = runner.run(["modprobe", module], check=False)
    if loaded.rc != 0:
        raise KubeopsError(
            what=f"the kernel module {module} cannot be loaded",
            seen=loaded.stderr.strip(),
            fix="install the module package of the running kernel (or reboot into the installed kernel); "
            "in a container, load it on the host",
        )


def _set(name: str, value: str) -> None:
    path = Path(sysctl_path(name))
    try:
        path.write_text(value + "\n")
    except OSError as error:
        raise KubeopsError(
            what=f"the sysctl {name} cannot be set to {value}",
            seen=str(error),
            fix="correct the value, or list the key as optional",
        ) from error
