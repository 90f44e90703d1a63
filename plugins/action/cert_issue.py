# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Controller side of cert_issue: carries requests to the CA's host and certificates back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.plugins.action import ActionBase

from ..plugin_utils.control_plane import ControlPlanes

MODULE = "kubeops.cluster.cert_issue"
SIGN_MODULE = "kubeops.cluster.cert_sign"
LEAF = ("common_name", "organizations", "dns_names", "ip_addresses", "usages")
INTERNAL = ("requests", "invocation")


class ActionModule(ActionBase):
    """Asks the CA's host for its certificate, this host for requests, and brings the two together."""

    _requires_connection = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the module's result with the plan that was carried out."""
        super().run(tmp, task_vars)
        self._variables = task_vars or {}
        authority = self._authority_host([])
        if authority.get("rule") == "unreachable":
            return self._as_long_as_nothing_is_due(authority)
        if authority.get("failed"):
            return self._without_authority(authority)
        planned = self._here({"ca_certificate": authority["ca_certificate"]})
        if planned.get("failed") or not planned.get("requests"):
            return _public(planned)
        return self._sign_and_install(planned, authority["ca_certificate"])

    def _sign_and_install(self, planned: dict[str, Any], ca_certificate: str) -> dict[str, Any]:
        requests: Mapping[str, str] = planned["requests"]
        answer = self._authority_host([self._request(path, csr) for path, csr in requests.items()])
        if answer.get("failed"):
            return {**_public(answer), "changed": False}
        signed = dict(zip(requests, answer["certificates"]))
        installed = self._here({"ca_certificate": ca_certificate, "signed": signed})
        return _public({**planned, **installed} if installed.get("failed") else planned)

    def _request(self, path: str, csr: str) -> dict[str, Any]:
        entry = next(entry for entry in self._task.args["certificates"] if entry["cert"] == path)
        return {"csr": csr, **{name: entry[name] for name in LEAF if name in entry}}

    def _authority_host(self, requests: list[dict[str, Any]]) -> dict[str, Any]:
        arguments = self._task.args
        authority = arguments.get("authority") or {}
        host = str(authority.get("host", ""))
        if host not in self._variables["hostvars"]:
            return {"failed": True, "msg": f"authority.host {host!r} is no host of the inventory. Fix: name one."}
        sign = {"cert": authority.get("cert"), "key": authority.get("key"), "requests": requests}
        if "valid_for" in arguments:
            sign["valid_for"] = arguments["valid_for"]
        return ControlPlanes(self, self._variables).run_on(host, SIGN_MODULE, sign)

    def _here(self, more: dict[str, Any]) -> dict[str, Any]:
        result: dict[str, Any] = self._execute_module(
            module_name=MODULE, module_args={**self._task.args, **more}, task_vars=self._variables
        )
        return result

    def _as_long_as_nothing_is_due(self, answer: dict[str, Any]) -> dict[str, Any]:
        """The CA's host may be down for maintenance while good certificates are looked at."""
        planned = self._here({"plan_only": True})
        if not planned.get("failed") and not planned.get("changed"):
            self._display.warning(f"The CA's host is {answer['msg']}; no certificate of this host is due.")
            return _public(planned)
        due = "; ".join(f"{step['target']}: {step['reason']}" for step in planned.get("plan", ()))
        seen = due or planned.get("msg", "")
        message = f"The CA's host is {answer['msg']}, and it is needed. Seen: {seen}. Fix: bring it back."
        return {**answer, "changed": False, "msg": message}

    def _without_authority(self, answer: dict[str, Any]) -> dict[str, Any]:
        """In a check run before the CA exists, every certificate is still to come."""
        if self._task.check_mode and answer.get("rule") == "ca_missing":
            paths = [entry["cert"] for entry in self._task.args["certificates"]]
            steps = [{"action": "issue", "target": path, "reason": "the CA would be made first"} for path in paths]
            return {"changed": True, "plan": steps, "issued": paths}
        return _public(answer)


def _public(result: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in result.items() if key not in INTERNAL}
