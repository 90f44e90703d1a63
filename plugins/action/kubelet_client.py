# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Controller side of kubelet_client: carries the node's request to a control plane that holds the CA, and back."""

from __future__ import annotations

import base64
from typing import Any

from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action import ActionBase

from ..plugin_utils.control_plane import ControlPlanes

MODULE = "kubeops.cluster.kubelet_client"
SIGN_MODULE = "kubeops.cluster.cert_sign"
SLURP = "ansible.builtin.slurp"
AUTHORITY = {"cert": "/etc/kubernetes/pki/ca.crt", "key": "/etc/kubernetes/pki/ca.key"}
INTERNAL = ("request", "invocation")


class ActionModule(ActionBase):
    """Asks a control plane for the CA's certificate, the node for its plan, and brings the two together."""

    _requires_connection = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the module's result and which control plane signed."""
        super().run(tmp, task_vars)
        self._variables = task_vars or {}
        if boolean(self._task.args.get("serving_only", False)):
            return _public(self._here())
        holders = ControlPlanes(self, self._variables)
        host, authority = holders.run(SIGN_MODULE, AUTHORITY, try_next=("ca_missing", "ca_key_mismatch"))
        if authority.get("failed"):
            return self._without_signer(holders, host, authority)
        certificate = authority["ca_certificate"]
        planned = self._here(ca_certificate=certificate)
        if planned.get("failed") or not planned.get("request"):
            return {**_public(planned), "control_plane": host}
        signed = holders.run_on(host, SIGN_MODULE, {**AUTHORITY, **self._order(planned["request"])})
        if signed.get("failed"):
            return {**_public(signed), "changed": False}
        done = self._here(ca_certificate=certificate, signed=signed["certificates"][0])
        return {**_public(done), "control_plane": host}

    def _without_signer(self, holders: ControlPlanes, host: str, refused: dict[str, Any]) -> dict[str, Any]:
        """Where no control plane has the CA's key, its certificate is enough for all that needs no signature."""
        answer = {} if host else holders.run(SLURP, {"src": AUTHORITY["cert"]}, try_next=("",))[1]
        certificate = base64.b64decode(answer.get("content", "")).decode("ascii", "replace")
        return _public(self._here(ca_certificate=certificate, no_signer=refused["seen"]) if certificate else refused)

    def _order(self, request: str) -> dict[str, Any]:
        """What is signed is said here, not by the node."""
        arguments = self._task.args
        user = {"common_name": f"system:node:{arguments['node_name']}", "organizations": ["system:nodes"]}
        return {"requests": [{"csr": request, **user}], "valid_for": arguments.get("valid_for", "365d")}

    def _here(self, **more: str) -> dict[str, Any]:
        result: dict[str, Any] = self._execute_module(
            module_name=MODULE, module_args={**self._task.args, **more}, task_vars=self._variables
        )
        return result


def _public(result: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in result.items() if key not in INTERNAL}
