# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Controller side of kubeadm_join: gets credentials for one node, and takes them back."""

from __future__ import annotations

import secrets
import string
from typing import Any

from ansible.plugins.action import ActionBase

from ..module_utils._kubeadm.plan import NOTHING
from ..plugin_utils.control_plane import ControlPlanes

MODULE = "kubeops.cluster.kubeadm_join"
TOKEN_MODULE = "kubeops.cluster.kubeadm_token"
ALPHABET = string.ascii_lowercase + string.digits
CERTIFICATE_KEY_BYTES = 32
INTERNAL = ("needs_control_plane", "forget", "programs", "invocation")


class ActionModule(ActionBase):
    """Joins one node: observe it, let it in, join it, close the door."""

    _requires_connection = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the module's result; no secret is in it."""
        super().run(tmp, task_vars)
        variables = task_vars or {}
        self._control_planes = ControlPlanes(self, variables, without=variables["inventory_hostname"])
        observed = self._join(variables, {})
        if observed.get("failed") or not observed.get("needs_control_plane"):
            return _public(observed)
        return _public(self._join_with_credentials(variables, observed))

    def _join_with_credentials(self, variables: dict[str, Any], observed: dict[str, Any]) -> dict[str, Any]:
        request = self._request(observed)
        host, granted = self._control_planes.run(TOKEN_MODULE, {**request, "state": "present"})
        if granted.get("failed"):
            return self._not_granted(observed, granted)
        try:
            result = self._let_in(variables, request, granted)
        finally:
            if not self._task.check_mode:
                closed = self._control_planes.run(TOKEN_MODULE, {**request, "state": "absent"})[1]
        result["control_plane"] = host
        if not self._task.check_mode and closed.get("failed"):
            result.setdefault("warnings", []).append(
                f"the join credentials could not be revoked, they end by themselves: {closed['msg']}"
            )
        return result

    def _let_in(self, variables: dict[str, Any], request: dict[str, Any], granted: dict[str, Any]) -> dict[str, Any]:
        """Join. Whatever may refuse has been asked before the node is stopped, and forgotten by the cluster."""
        known = {"known": granted["known"]}
        if request["forget"] != NOTHING and any(granted["known"].values()) and not self._task.check_mode:
            prepared = self._join(variables, {**known, "prepare": True})
            if prepared.get("failed") or not prepared.get("changed"):
                return prepared
            forgotten = self._control_planes.run(TOKEN_MODULE, {**request, "state": "forgotten"})[1]
            if forgotten.get("failed"):
                return {**prepared, **forgotten, "changed": True}
        return self._join(variables, {**known, "credentials": _credentials(request, granted)})

    def _request(self, observed: dict[str, Any]) -> dict[str, Any]:
        arguments = self._task.args
        control_plane = arguments["role"] == "control_plane"
        return {
            "token": f"{_random(6)}.{_random(16)}",
            "certificate_key": secrets.token_hex(CERTIFICATE_KEY_BYTES) if control_plane else "",
            "minutes": arguments.get("token_minutes", 15),
            "node": arguments["node"],
            "forget": observed.get("forget", NOTHING),
            "programs": observed.get("programs", {}),
            "encryption_file": arguments.get("encryption_file", ""),
        }

    def _not_granted(self, observed: dict[str, Any], granted: dict[str, Any]) -> dict[str, Any]:
        """On bare machines a check run finds no control plane: the plan alone is then the truth."""
        if self._task.check_mode and observed.get("changed") and granted.get("rule") == "no_healthy_control_plane":
            return observed
        return {**observed, **granted, "changed": False}

    def _join(self, variables: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
        result: dict[str, Any] = self._execute_module(
            module_name=MODULE, module_args={**self._task.args, **more}, task_vars=variables
        )
        return result


def _credentials(request: dict[str, Any], granted: dict[str, Any]) -> dict[str, Any]:
    """What the node gets; in check mode nothing was granted."""
    return {
        "endpoint": granted.get("endpoint", ""),
        "token": request["token"],
        "ca_cert_hashes": granted.get("ca_cert_hashes", []),
        "certificate_key": request["certificate_key"],
        "encryption_config": granted.get("encryption_config") or "",
    }


def _random(length: int) -> str:
    return "".join(secrets.choice(ALPHABET) for _position in range(length))


def _public(result: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in result.items() if key not in INTERNAL}
