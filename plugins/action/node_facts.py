# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""node_facts on the controller: the module, with the controller's clock before and after it."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase

from ..module_utils._core import clock


class ActionModule(ActionBase):
    """Adds time.offset to the facts: the node's clock minus the controller's lies between the two numbers (s)."""

    _requires_connection = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the module and relate its clock to ours."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        sent = clock.now().timestamp()
        result.update(self._execute_module(module_name="kubeops.cluster.node_facts", task_vars=task_vars))
        received = clock.now().timestamp()
        time = result.get("ansible_facts", {}).get("kubeops_node", {}).get("time")
        if time:
            time["offset"] = [round(time["unix"] - received, 3), round(time["unix"] - sent, 3)]
        return result
