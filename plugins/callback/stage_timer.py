# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Time of each play and tasks executed per host."""

from __future__ import annotations

DOCUMENTATION = r"""
name: stage_timer
type: aggregate
short_description: Time of each stage and tasks executed per host
version_added: 1.0.0
author: kubeops.cluster contributors (@kubeops)
description:
  - Prints, at the end of a run, how long each play took. Every play of this collection's playbooks is one stage.
  - Optionally writes the same as JSON, with the number of tasks that each host executed.
requirements:
  - Enable it with E(ANSIBLE_CALLBACKS_ENABLED=kubeops.cluster.stage_timer) or C(callbacks_enabled) in C(ansible.cfg).
options:
  json_path:
    description:
      - File that gets the times and counts as JSON, replaced at the end of every run; none where it is not set.
      - Its keys are C(schema) (1), C(seconds) (float), C(stages), a list of C(name) (string) and C(seconds) (float) in
        the order of the run, and C(hosts), which maps the name of each host to its counts of tasks.
      - The counts are C(ok), C(changed) (part of C(ok)), C(failed), C(skipped), C(unreachable), and C(executed), which
        is C(ok) and C(failed) without the tasks that Ansible carries out on the controller by itself, such as
        C(set_fact), C(assert) or C(include_tasks).
    type: path
    env:
      - name: KUBEOPS_STAGE_TIMER_JSON
    ini:
      - section: kubeops_stage_timer
        key: json_path
"""

import json
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from ansible.plugins.callback import CallbackBase
from ansible_collections.kubeops.cluster.plugins.module_utils._core.files import write_atomic

CONTROLLER_ONLY = frozenset(
    [
        "add_host",
        "assert",
        "debug",
        "fail",
        "group_by",
        "import_playbook",
        "import_role",
        "import_tasks",
        "include_role",
        "include_tasks",
        "include_vars",
        "meta",
        "pause",
        "set_fact",
        "set_stats",
        "validate_argument_spec",
    ]
)
BUILTIN_PREFIXES = ("ansible.builtin.", "ansible.legacy.")


class StageTimes:
    """What happened so far; the clock gives seconds and never goes back."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._started = clock()
        self._stages: list[tuple[str, float]] = []
        self._hosts: dict[str, Counter[str]] = {}

    def begin(self, name: str) -> None:
        """A play begins; a play that goes on with its next batch of hosts is the same stage."""
        if not self._stages or self._stages[-1][0] != name:
            self._stages.append((name, self._clock()))

    def count(self, host: str, action: str, outcome: str, changed: bool = False) -> None:
        """A host ended a task; outcome is ok, failed, skipped or unreachable."""
        counts = self._hosts.setdefault(host, Counter())
        counts[outcome] += 1
        counts["changed"] += changed
        counts["executed"] += outcome in ("ok", "failed") and not runs_on_controller(action)

    def summary(self) -> dict[str, Any]:
        """Everything, in the form of the JSON file."""
        now = self._clock()
        ends = [begun for name, begun in self._stages[1:]] + [now]
        stages = [{"name": name, "seconds": round(end - begun, 3)} for (name, begun), end in zip(self._stages, ends)]
        names = ("ok", "changed", "failed", "skipped", "unreachable", "executed")
        hosts = {host: {name: counts[name] for name in names} for host, counts in sorted(self._hosts.items())}
        return {"schema": 1, "seconds": round(now - self._started, 3), "stages": stages, "hosts": hosts}


def runs_on_controller(action: str) -> bool:
    """Whether Ansible carries out the action by itself, without asking the host."""
    for prefix in BUILTIN_PREFIXES:
        action = action.removeprefix(prefix)
    return action in CONTROLLER_ONLY


def lines(summary: dict[str, Any]) -> list[str]:
    """The table that is shown at the end of a run."""
    rows = [*summary["stages"], {"name": "All stages", "seconds": summary["seconds"]}]
    width = max(len(row["name"]) for row in rows)
    return [f"{row['name']:<{width}}  {row['seconds']:8.1f} s" for row in rows]


def part(result: Any, name: str) -> Any:
    """The task or host of a result, by its public name where this ansible-core has one."""
    return getattr(result, name, None) or getattr(result, f"_{name}")


class CallbackModule(CallbackBase):
    """Ansible's events, handed on to StageTimes."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "kubeops.cluster.stage_timer"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._times = StageTimes(time.monotonic)

    def v2_playbook_on_play_start(self, play: Any) -> None:
        self._times.begin(play.get_name().strip())

    def v2_runner_on_ok(self, result: Any) -> None:
        self._count(result, "ok", changed=result.is_changed())

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        self._count(result, "failed")

    def v2_runner_on_skipped(self, result: Any) -> None:
        self._count(result, "skipped")

    def v2_runner_on_unreachable(self, result: Any) -> None:
        self._count(result, "unreachable")

    def v2_playbook_on_stats(self, stats: Any) -> None:
        summary = self._times.summary()
        self._display.banner("STAGES")
        for line in lines(summary):
            self._display.display(line)
        path = self.get_option("json_path")
        if path:
            write_atomic(path, json.dumps(summary, indent=2) + "\n")

    def _count(self, result: Any, outcome: str, changed: bool = False) -> None:
        self._times.count(part(result, "host").get_name(), part(result, "task").action, outcome, changed)
