# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Controller side of ca_rotation: brings the incoming CAs from the control plane that made them."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from ansible.plugins.action import ActionBase

from ..module_utils._ca.model import NAMES, OBSERVED, Place, fetched
from ..plugin_utils.control_plane import GROUP, ControlPlanes

MODULE = "kubeops.cluster.ca_rotation"
SLURP = "ansible.builtin.slurp"


class ActionModule(ActionBase):
    """Keys go to control planes only, certificates to everybody, neither into a result."""

    _requires_connection = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the module's result."""
        super().run(tmp, task_vars)
        variables = task_vars or {}
        pairs = self._pairs(variables)
        if isinstance(pairs, str):
            return {"failed": True, "msg": pairs}
        arguments = {**self._task.args, **({"pairs": pairs} if pairs else {})}
        result: dict[str, Any] = self._execute_module(module_name=MODULE, module_args=arguments, task_vars=variables)
        result.pop("invocation", None)
        return result

    def _pairs(self, variables: Mapping[str, Any]) -> dict[str, dict[str, str]] | str:
        """What this host needs of the holder, or why it cannot be had."""
        arguments = self._task.args
        holder, here = str(arguments.get("holder") or ""), str(variables["inventory_hostname"])
        if not holder or holder == here:
            return {}
        if holder not in variables["hostvars"]:
            return f"holder {holder!r} is no host of the inventory. Fix: name a control plane."
        control_plane = here in variables["groups"].get(GROUP, [])
        stage = str(arguments.get("stage") or OBSERVED)
        needed = fetched(stage, arguments.get("authorities", NAMES), control_plane=control_plane)
        planes = ControlPlanes(self, variables)
        found = {place.name: _pair(planes, holder, place, control_plane) for place in needed}
        lacking = [name for name, pair in found.items() if not all(pair.values())]
        # Without them a control plane would make CAs of its own, and a worker would be left behind.
        if lacking and stage != OBSERVED:
            return (
                f"{holder} did not hand out the incoming CAs {', '.join(lacking)}. Fix: bring it back, then run again."
            )
        return {name: pair for name, pair in found.items() if name not in lacking}


def _pair(planes: ControlPlanes, holder: str, place: Place, with_key: bool) -> dict[str, str]:
    """What the holder has; an empty text where it has none."""
    paths = {"certificate": place.next_cert, **({"key": place.next_key} if with_key else {})}
    return {part: _content(planes, holder, path) for part, path in paths.items()}


def _content(planes: ControlPlanes, host: str, path: str) -> str:
    answer = planes.run_on(host, SLURP, {"src": path})
    return base64.b64decode(answer.get("content", "")).decode("ascii")
