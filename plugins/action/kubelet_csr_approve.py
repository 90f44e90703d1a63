# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Controller side of kubelet_csr_approve: runs it on whichever control plane answers."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase

from ..plugin_utils.control_plane import run_anywhere


class ActionModule(ActionBase):
    """One call for all nodes, on one control plane."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the module's result and which control plane gave it."""
        super().run(tmp, task_vars)
        result = run_anywhere(self, "kubeops.cluster.kubelet_csr_approve", task_vars or {})
        if result.get("rule") == "no_healthy_control_plane" and self._task.check_mode:
            # Before there is a cluster, each node is still to get one.
            return {"changed": True, "nodes": [], "control_plane": ""}
        return result
