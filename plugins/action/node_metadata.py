# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Controller side of node_metadata: runs it on whichever control plane answers."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase

from ..plugin_utils.control_plane import run_anywhere


class ActionModule(ActionBase):
    """One call for all nodes, on one control plane."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the module's result and which control plane gave it."""
        super().run(tmp, task_vars)
        result = run_anywhere(self, "kubeops.cluster.node_metadata", task_vars or {})
        nobody = result.get("rule") == "no_healthy_control_plane"
        if nobody and self._task.check_mode:
            return {"changed": _wanted(self._task.args.get("nodes", {})), "patched": [], "control_plane": ""}
        return result


def _wanted(nodes: dict[str, Any]) -> bool:
    """Before there is a cluster, a check run can only tell whether anything is wanted."""
    return any(entry.get("labels") or entry.get("taints") is not None for entry in nodes.values())
