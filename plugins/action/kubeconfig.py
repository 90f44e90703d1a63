# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Controller side of kubeconfig: writes what a control plane gave, and shows nothing of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase

from ..plugin_utils import secret_file
from ..plugin_utils.control_plane import run_anywhere


class ActionModule(ActionBase):
    """Reads on a control plane, writes on the controller."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return where the file is and whether it changed."""
        super().run(tmp, task_vars)
        result = run_anywhere(self, "kubeops.cluster.kubeconfig", task_vars or {})
        content = result.pop("content", None)
        dest = Path(str(self._task.args.get("dest", ""))).expanduser()
        if content is None:
            return self._without_cluster(result, dest)
        changed = not secret_file.same(dest, content)
        if changed and not self._task.check_mode:
            secret_file.write(dest, content)
        return {**result, "changed": changed, "dest": str(dest)}

    def _without_cluster(self, result: dict[str, Any], dest: Path) -> dict[str, Any]:
        """In a check run before the cluster exists, the file is still to come."""
        if self._task.check_mode and result.get("rule") == "no_healthy_control_plane":
            return {"changed": True, "dest": str(dest), "control_plane": ""}
        return result
