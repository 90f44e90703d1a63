# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs a module on whichever control plane answers, from within another host's task.

Joining with ``--limit`` to one new node works this way: no fact of another host
is needed, and no control plane is special.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from ansible import constants as C  # noqa: N812 - the name everybody uses
from ansible.errors import AnsibleConnectionFailure, AnsibleError
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action import ActionBase
from ansible.plugins.loader import become_loader, connection_loader

GROUP = "control_plane"
# Another control plane may well do better than one that answers with these.
TRY_NEXT = ("control_plane_not_healthy", "not_a_control_plane", "admin_conf_missing")


class ControlPlanes:
    """The control planes of the inventory, as seen from one task."""

    def __init__(self, action: ActionBase, task_vars: Mapping[str, Any], *, without: str = "") -> None:
        """Take the group's hosts, without one of them if asked; first those that this run has reached."""
        self._action = action
        self._vars = task_vars
        hosts = [name for name in task_vars["groups"].get(GROUP, []) if name != without]
        reached = task_vars.get("ansible_play_hosts") or ()
        self._hosts = sorted(hosts, key=lambda name: name not in reached)

    def run(
        self, module: str, arguments: Mapping[str, Any], try_next: Sequence[str] = TRY_NEXT
    ) -> tuple[str, dict[str, Any]]:
        """Run a module on the first control plane that is healthy, or refuses by no rule of try_next.

        Returns its inventory name, empty when none answered, and the result; without
        an answer the result has ``failed``, and ``msg`` and ``seen`` say what every host replied.
        """
        replies: list[str] = []
        for host in self._hosts:
            result = self.run_on(host, module, arguments)
            if not result.get("failed") or result.get("rule", "") not in (*try_next, "unreachable"):
                return host, result
            replies.append(f"{host}: {result['msg']}")
        seen = "; ".join(replies) or f"the group {GROUP} has no other host"
        return "", {"failed": True, "msg": _nobody(seen), "seen": seen, "rule": "no_healthy_control_plane"}

    def run_on(self, host: str, module: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Run a module on one host; what is exchanged is kept out of every log."""
        variables = self._vars["hostvars"][host]
        try:
            with self._connected(host, variables):
                answer: dict[str, Any] = self._action._execute_module(
                    module_name=module, module_args=dict(arguments), task_vars=self._module_vars(variables)
                )
                return answer
        except AnsibleConnectionFailure as error:
            return {"failed": True, "rule": "unreachable", "msg": f"unreachable ({error.message})"}

    @contextmanager
    def _connected(self, host: str, variables: Mapping[str, Any]) -> Iterator[None]:
        action = self._action
        kept = (
            action._connection,
            action._play_context,
            action._discovered_interpreter,
            action._discovered_interpreter_key,
        )
        action._play_context = action._play_context.copy()
        action._play_context.no_log = True
        action._play_context.remote_addr = variables.get("ansible_host", host)
        action._connection = self._connection(host, variables)
        try:
            yield
        finally:
            action.cleanup(force=True)
            action._connection.close()
            (
                action._connection,
                action._play_context,
                action._discovered_interpreter,
                action._discovered_interpreter_key,
            ) = kept

    def _connection(self, host: str, variables: Mapping[str, Any]) -> Any:
        action = self._action
        name = variables.get("ansible_connection") or action._play_context.connection or C.DEFAULT_TRANSPORT
        connection = connection_loader.get(name, action._play_context, None)
        if connection is None:
            raise AnsibleError(f"the connection plugin {name!r} of host {host} was not found")
        become = self._become(variables)
        connection.set_become_plugin(become)
        for kind, plugin in (("connection", connection), ("shell", connection._shell), ("become", become)):
            if plugin is not None:
                self._configure(kind, plugin, variables)
        return connection

    def _become(self, variables: Mapping[str, Any]) -> Any:
        task = self._action._task
        wanted = variables.get("ansible_become")
        if not (task.become if wanted is None else boolean(wanted)):
            return None
        return become_loader.get(
            variables.get("ansible_become_method") or task.become_method or C.DEFAULT_BECOME_METHOD
        )

    def _configure(self, kind: str, plugin: Any, variables: Mapping[str, Any]) -> None:
        """Give a plugin its options from the other host's variables, as the task executor would."""
        names = C.config.get_plugin_vars(kind, plugin._load_name)
        options = {name: variables[name] for name in names if name in variables}
        context = self._action._play_context
        # The task's own timeout and retries are no connection's.
        keys = {**self._action._task.dump_attrs(), "timeout": context.timeout}
        keys.pop("retries", None)
        # No variable has the passwords that were typed, came from a file, or from AWX.
        given = {"password": context.password, "become_pass": context.become_pass}
        keys.update({name: value for name, value in given.items() if value})
        plugin.set_options(task_keys=keys, var_options=options)

    def _module_vars(self, variables: Mapping[str, Any]) -> dict[str, Any]:
        """The task's variables with the other host's Python."""
        ours = {
            name: value
            for name, value in self._vars.items()
            if not (name.startswith("ansible_") and name.endswith("_interpreter"))
        }
        theirs = {
            name: variables[name] for name in variables if name.startswith("ansible_") and name.endswith("_interpreter")
        }
        return {**ours, **theirs, "ansible_facts": variables.get("ansible_facts", {})}


def run_anywhere(action: ActionBase, module: str, task_vars: Mapping[str, Any]) -> dict[str, Any]:
    """Run the task's module on the first healthy control plane; the result names it."""
    host, result = ControlPlanes(action, task_vars).run(module, action._task.args)
    result.pop("invocation", None)
    return {**result, "control_plane": host}


def _nobody(seen: str) -> str:
    return (
        f"No control plane could be asked. Seen: {seen}. "
        "Fix: bring one control plane back, or run the playbook without --limit to make the first one."
    )


class OnAnyControlPlane(ActionBase):
    """An action that is its module, run on whichever control plane answers."""

    MODULE: str

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the module's result and which control plane gave it."""
        super().run(tmp, task_vars)
        return run_anywhere(self, self.MODULE, task_vars or {})
