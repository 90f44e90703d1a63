# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Controller side of user_kubeconfig: makes the key, writes the kubeconfig, and shows nothing of either."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import yaml
from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ..module_utils._access import argspec, model
from ..module_utils._core import clock
from ..module_utils._core.errors import KubeopsError
from ..module_utils._x509 import issue
from ..plugin_utils import secret_file
from ..plugin_utils.control_plane import ControlPlanes

MODULE = "kubeops.cluster.user_kubeconfig"
# Signed for less than was asked: worth a word.
TOLERANCE = timedelta(minutes=10)


class ActionModule(ActionBase):
    """Looks, and has a certificate signed where one is due."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return where the kubeconfig is and what was done."""
        super().run(tmp, task_vars)
        self._planes = ControlPlanes(self, task_vars or {})
        __, self._options = self.validate_argument_spec(argspec.OPTIONS)
        dest = Path(str(self._options["dest"])).expanduser()
        try:
            return {"dest": str(dest), **self._ensure(dest)}
        except KubeopsError as error:
            raise AnsibleActionFail(str(error)) from error

    def _ensure(self, dest: Path) -> dict[str, Any]:
        options = self._options
        person = model.Person(options["user"], tuple(options["groups"]))
        model.require_ordinary(person, options["allow_system"])
        model.require_own(str(dest), _text_of(dest), person)
        seen = self._ask()
        if seen.get("failed"):
            return seen
        if options["state"] == "absent":
            return self._remove(dest, seen)
        if options["oidc"]:
            return self._with_provider(dest, seen, person)
        return self._with_certificate(dest, seen, person)

    def _with_certificate(self, dest: Path, seen: dict[str, Any], person: model.Person) -> dict[str, Any]:
        cluster = self._cluster(seen)
        span = model.lifetime(self._options["lifetime"])
        text = _text_of(dest)
        reason = model.why_due(text, person, cluster, self._options["namespace"], span, clock.now())
        reason = reason or _opened(dest)
        if not reason:
            return self._result(seen, [], text)
        steps = [{"action": "issue", "target": str(dest), "reason": reason}]
        if self._task.check_mode:
            return self._result(seen, steps, "")
        key = issue.make_key("ecdsa-p256")
        signed = self._ask(issue.make_csr(key, issue.Leaf(person.user, person.groups)).decode("ascii"))
        if signed.get("failed"):
            return signed
        if not issue.same_key(key, signed["certificate"].encode()):
            raise KubeopsError("the cluster signed another key than the one made here")
        credentials = model.certificate_user(signed["certificate"], key.decode("ascii"))
        text = self._text(cluster, person, credentials)
        secret_file.write(dest, text)
        return self._result(seen, steps, text, self._shortened(text, span))

    def _with_provider(self, dest: Path, seen: dict[str, Any], person: model.Person) -> dict[str, Any]:
        oidc = self._options["oidc"]
        user = model.oidc_user(oidc["issuer_url"], oidc["client_id"], oidc["extra_scopes"], oidc["command"])
        text = self._text(self._cluster(seen), person, user)
        if secret_file.same(dest, text):
            return self._result(seen, [], "")
        if not self._task.check_mode:
            secret_file.write(dest, text)
        return self._result(seen, [{"action": "write", "target": str(dest), "reason": "it says another thing"}], "")

    def _remove(self, dest: Path, seen: dict[str, Any]) -> dict[str, Any]:
        steps = [{"action": "remove", "target": str(dest), "reason": "the user leaves"}] if dest.exists() else []
        if not self._task.check_mode:
            dest.unlink(missing_ok=True)
        return self._result(seen, steps, "")

    def _ask(self, csr: str = "") -> dict[str, Any]:
        """The half on a control plane; what it answers holds the certificate, so it goes no further."""
        host, answer = self._planes.run(MODULE, {**self._task.args, "csr": csr})
        answer.pop("invocation", None)
        return {**answer, "control_plane": host}

    def _cluster(self, seen: dict[str, Any]) -> model.Cluster:
        return model.Cluster(self._options["cluster_name"], seen["server"], seen["ca"])

    def _text(self, cluster: model.Cluster, person: model.Person, credentials: dict[str, Any]) -> str:
        document = model.document(cluster, person.user, credentials, self._options["namespace"])
        # Through JSON, since Ansible marks strings in ways that the YAML library does not know.
        text: str = yaml.safe_dump(json.loads(json.dumps(document)), sort_keys=False, width=10_000)
        return text

    def _shortened(self, text: str, span: timedelta) -> str:
        """What to say where the cluster signed for less than was asked."""
        ends = model.not_after(text)
        if ends is None or ends - clock.now() > span - TOLERANCE:
            return ""
        return (
            f"the cluster signed until {ends:%Y-%m-%d %H:%M} UTC only (--cluster-signing-duration, or the CA's own end)"
        )

    def _result(
        self, seen: dict[str, Any], steps: list[dict[str, str]], text: str, warning: str = ""
    ) -> dict[str, Any]:
        ends = model.not_after(text)
        plan = [*seen["plan"], *steps]
        return {
            "changed": bool(plan),
            "plan": plan,
            "not_after": ends.isoformat() if ends else "",
            "control_plane": seen["control_plane"],
            **({"warnings": [warning]} if warning else {}),
        }


def _text_of(dest: Path) -> str:
    """Empty where nothing is there."""
    try:
        return dest.read_bytes().decode("utf-8", "replace") if dest.exists() else ""
    except OSError as error:
        raise KubeopsError(
            "dest cannot be read", seen=str(error), fix="name a file of the user who runs this"
        ) from error


def _opened(dest: Path) -> str:
    """A key that others could read is none any more."""
    mode = dest.stat().st_mode & 0o777
    return "" if mode == secret_file.MODE else f"its mode is {mode:04o}"
