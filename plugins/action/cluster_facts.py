# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Controller side of cluster_facts: runs it on whichever control plane answers."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase

from ..plugin_utils.control_plane import run_anywhere


class ActionModule(ActionBase):
    """One look at the cluster, from one control plane."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the module's facts and which control plane gave them."""
        super().run(tmp, task_vars)
        return run_anywhere(self, "kubeops.cluster.cluster_facts", task_vars or {})
