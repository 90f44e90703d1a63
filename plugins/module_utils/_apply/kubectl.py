# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""kubectl for objects: read them, ask the server what it would make of them, apply them.

Server-side apply: https://kubernetes.io/docs/reference/using-api/server-side-apply/
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from .._core.errors import KubeopsError
from .._core.runner import Runner
from .objects import Key, Object, as_list, custom_kinds, from_answer, key, prerequisites


@dataclass(frozen=True)
class Kubectl:
    """One cluster, one field manager. timeout is in seconds, for each request."""

    runner: Runner
    kubeconfig: str
    field_manager: str = "kubeops"
    force_conflicts: bool = False
    timeout: int = 60

    def live(self, items: Iterable[Object]) -> dict[Key, Object]:
        """Those of the objects that exist. Custom resources are asked for once their definition exists."""
        wanted = list(items)
        defined = custom_kinds(wanted)
        custom = [item for item in wanted if (key(item).group, key(item).kind) in defined]
        found = self._get([item for item in wanted if item not in custom])
        known = [item for item in custom if defined[key(item).group, key(item).kind] in found]
        return {**found, **self._get(known)}

    def dry_run(self, items: Iterable[Object]) -> dict[Key, Object]:
        """The objects as the server would store them, defaults and admission included."""
        return self._apply(items, "--dry-run=server")

    def apply(self, items: Iterable[Object]) -> None:
        """Namespaces and definitions first, since the others need them."""
        wanted = list(items)
        first = prerequisites(wanted)
        self._apply(first)
        definitions = [item for item in first if item["kind"] == "CustomResourceDefinition"]
        if definitions:
            self._run("wait", "--for=condition=Established", f"--timeout={self.timeout}s", stdin=definitions)
        self._apply([item for item in wanted if item not in first])

    def _get(self, items: list[Object]) -> dict[Key, Object]:
        if not items:
            return {}
        return from_answer(self._run("get", "--ignore-not-found", "--output=json", stdin=items))

    def _apply(self, items: Iterable[Object], *options: str) -> dict[Key, Object]:
        wanted = list(items)
        if not wanted:
            return {}
        manager = [f"--field-manager={self.field_manager}"]
        force = ["--force-conflicts"] if self.force_conflicts else []
        try:
            answer = self._run("apply", "--server-side", "--output=json", *manager, *force, *options, stdin=wanted)
        except KubeopsError as error:
            if "conflict" not in error.seen:
                raise
            raise KubeopsError(
                "other field managers own fields that the manifest sets differently",
                seen=error.seen,
                fix="take their values over into the manifest, or apply with force_conflicts",
            ) from error
        return from_answer(answer)

    def _run(self, verb: str, *options: str, stdin: Iterable[Object]) -> str:
        connection = [f"--kubeconfig={self.kubeconfig}", f"--request-timeout={self.timeout}s"]
        argv = ["kubectl", verb, "--filename=-", *connection, *options]
        return self.runner.run(argv, stdin=as_list(stdin), timeout=4.0 * self.timeout).stdout
