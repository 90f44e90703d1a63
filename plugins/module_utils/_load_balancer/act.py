# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Carries out a plan for the load balancer of one node."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from .._core import clock, files
from .._core.errors import KubeopsError
from .._core.plan import Plan, Step
from .._core.runner import Runner
from .model import CHECK_SCRIPT, HAPROXY_CONFIG, KEEPALIVED_CONFIG, File

RUN = "/run/kubeops"
SETTLE_SECONDS = 60.0
# The path of the candidate follows.
VALIDATORS: dict[str, tuple[str, ...]] = {
    HAPROXY_CONFIG: ("haproxy", "-c", "-q", "-f"),
    KEEPALIVED_CONFIG: ("keepalived", "--config-test", "--use-file"),
}


def validate(runner: Runner, plan: Plan) -> None:
    """Let each daemon that is installed read what it would be given; nothing is put in place."""
    for file in _writes(plan):
        command = VALIDATORS.get(file.path)
        if command and runner.which(command[0]) and _can_judge(file):
            _validate(runner, file, command)


def carry_out(runner: Runner, plan: Plan) -> None:
    """All files first, then the services in the plan's order."""
    # keepalived's own check wants the script that its configuration names to exist.
    _write(file for file in _writes(plan) if file.path not in VALIDATORS)
    validate(runner, plan)
    _write(file for file in _writes(plan) if file.path in VALIDATORS)
    # systemctl reloads the manager each time it enables: once is enough.
    enabled = [step.target for step in plan.steps if step.action == "enable"]
    if enabled:
        _systemctl(runner, "enable", *enabled)
    for step in plan.steps:
        if step.action in ("start", "reload"):
            _systemctl(runner, step.action, step.target)


def settle(replan: Callable[[], Plan]) -> None:
    """Wait until observing again finds nothing left to do."""
    deadline = clock.monotonic() + SETTLE_SECONDS
    left: Sequence[Step] = replan().steps
    while left and clock.monotonic() < deadline:
        time.sleep(0.2)
        left = replan().steps
    if left:
        raise KubeopsError(
            "the load balancer is not as planned after the change",
            seen="; ".join(f"{step.action} {step.target}: {step.reason}" for step in left),
            fix=f"look at journalctl -u {left[0].target if left[0].action != 'write' else 'haproxy'}, then run again",
        )


def _writes(plan: Plan) -> list[File]:
    return [step.data["file"] for step in plan.steps if step.action == "write"]


def _can_judge(file: File) -> bool:
    """keepalived refuses a script that is not there, which in check mode it may not be yet."""
    return file.path != KEEPALIVED_CONFIG or Path(CHECK_SCRIPT).exists()


def _write(wanted: Iterable[File]) -> None:
    for file in wanted:
        Path(file.path).parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        files.write_atomic(file.path, file.content, file.mode, backup=True)


def _validate(runner: Runner, file: File, command: tuple[str, ...]) -> None:
    Path(RUN).mkdir(mode=0o700, exist_ok=True)
    candidate = f"{RUN}/{Path(file.path).name}.candidate"
    files.write_atomic(candidate, file.content, 0o600)
    try:
        result = runner.run([*command, candidate], check=False, timeout=30)
    finally:
        files.remove(candidate)
    if result.rc != 0:
        raise KubeopsError(
            f"{command[0]} does not accept the configuration for {file.path}, which was left as it is",
            seen=(result.stderr + result.stdout).strip()[-2000:],
            fix="correct the load_balancer_* variable named there",
        )


def _systemctl(runner: Runner, action: str, *units: str) -> None:
    result = runner.run(["systemctl", action, *units], check=False, timeout=60)
    if result.rc == 0:
        return
    journal = runner.run(["journalctl", "--no-pager", "-o", "cat", "-n", "15", "-u", units[0]], check=False)
    raise KubeopsError(
        f"systemctl {action} {' '.join(units)} failed",
        seen=f"{result.stderr.strip()}\n{journal.stdout.strip()}",
        fix="correct what the journal names, then run again",
    )
