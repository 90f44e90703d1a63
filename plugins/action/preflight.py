# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""preflight: gathers what the play knows, asks the pure rules, prints one table, fails once."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible import constants
from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ..module_utils._core import clock
from ..module_utils._inventory import finding as findings_of
from ..module_utils._inventory import rules as inventory_rules
from ..module_utils._inventory.finding import ERROR, WARNING, Finding
from ..module_utils._inventory.model import Inventory, Surroundings
from ..module_utils._inventory.schema import PREFIX
from ..module_utils._node import rules as node_rules
from ..module_utils._node.model import Observed, Thresholds
from ..module_utils._reachability.targets import targets

PHASES = ("inventory", "nodes")
OTHER_VARIABLES = (
    "ansible_host",
    "cni_manifest",
    "cni_manifest_sha256",
    "container_runtime_repository",
    "etcd_source",
    "etcd_download_url",
    "load_balancer_monitor_port",
)
BUNDLE_ENVIRONMENT = "KUBEOPS_BUNDLE"

display = Display()


class ActionModule(ActionBase):
    """Runs on the controller, once for all hosts of the play."""

    BYPASS_HOST_LOOP = True
    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """One phase: its findings as result, as a table, and as the failure."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        __, options = self.validate_argument_spec(
            argument_spec={
                "phase": {"type": "str", "required": True, "choices": list(PHASES)},
                "ignore": {"type": "dict", "default": {}},
                "end_of_life": {"type": "str", "choices": [WARNING, ERROR], "default": WARNING},
                "thresholds": {"type": "dict", "default": {}},
                "reachability": {"type": "str", "default": ""},
            }
        )
        variables = task_vars or {}
        inventory, broken = self._inventory(variables)
        around = surroundings(inventory, options["end_of_life"])
        if options["phase"] == "inventory":
            found = [*broken, *inventory_rules.check(inventory, around)]
            if not any(finding.level == ERROR for finding in found):
                result["targets"] = {host: targets(inventory, host) for host in inventory.hosts}
        else:
            observed = observe(variables, inventory, around, options["reachability"])
            found = node_rules.check(observed, thresholds(options["thresholds"]))
            result["left_out"] = list(observed.left_out)
        return self._conclude(result, found, options["ignore"])

    def _inventory(self, variables: Mapping[str, Any]) -> tuple[Inventory, list[Finding]]:
        """The inventory, and a finding for every variable that cannot be templated."""
        groups = {name: list(hosts) for name, hosts in variables["groups"].items()}
        model = Inventory(groups, {})
        broken: list[Finding] = []
        hosts = {host: self._host(variables["hostvars"][host], host, broken) for host in model.hosts}
        known = {name for values in hosts.values() for name in values} | {finding.variable for finding in broken}
        play = {**environment(), **self._play(variables, known)}
        return Inventory(groups, {host: {**play, **values} for host, values in hosts.items()}), broken

    def _host(self, hostvars: Mapping[str, Any], host: str, broken: list[Finding]) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for name in hostvars:
            if name.startswith(PREFIX) or name in OTHER_VARIABLES:
                try:
                    values[name] = resolved(hostvars[name])
                except Exception as error:
                    broken.append(not_templated(host, name, error))
        return values

    def _play(self, variables: Mapping[str, Any], known: set[str]) -> dict[str, Any]:
        """Variables of the play, which hostvars do not have; they hold for every host."""
        names = [name for name in variables if name.startswith(PREFIX) and name not in known]
        return {name: self._templar.template(variables[name]) for name in names}

    def _conclude(self, result: dict[str, Any], found: list[Finding], ignore: Mapping[str, str]) -> dict[str, Any]:
        left, ignored = findings_of.without_ignored(findings_of.merge(found), ignore)
        errors = [finding for finding in left if finding.level == ERROR]
        result.update(
            changed=False,
            findings=[finding.as_dict() for finding in left],
            errors=len(errors),
            warnings_count=len(left) - len(errors),
            ignored=ignored,
        )
        show([] if errors else left, ignored, result.get("left_out", []))
        if errors:
            result.update(failed=True, msg=findings_of.summary(left))
        return result


def environment() -> dict[str, Any]:
    """What the environment of the controller says where no variable does."""
    bundle = os.environ.get(BUNDLE_ENVIRONMENT)
    return {"kubeops_bundle": bundle} if bundle else {}


def resolved(value: Any) -> Any:
    """The value; raises where a template was left as it stands, as older Ansible does for undefined variables."""
    if isinstance(value, str) and "{{" in value:
        raise AnsibleActionFail(f"undefined variable in {value}")
    return value


def not_templated(host: str, name: str, error: Exception) -> Finding:
    """A variable whose template fails."""
    reason = " ".join(str(error).split())[:200]
    message = f"its template fails: {reason}"
    return Finding("variables.template", ERROR, message, "define what it refers to", hosts=(host,), variable=name)


def surroundings(inventory: Inventory, end_of_life: str) -> Surroundings:
    """Today, the bundle and the files of the controller."""
    wanted = inventory.value("kubeops_package_source") == "bundle"
    manifest = read_manifest(str(inventory.value("kubeops_bundle"))) if wanted else None
    return Surroundings(clock.now().date(), manifest, lambda path: Path(path).expanduser().exists(), end_of_life)


def read_manifest(directory: str) -> dict[str, Any] | str:
    """The bundle's manifest, or why there is none."""
    path = Path(directory).expanduser() / "manifest.json"
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        return f"{path} cannot be read: {error.strerror}"
    except ValueError as error:
        return f"{path} is no JSON: {error}"
    return manifest if isinstance(manifest, dict) and "files" in manifest else f"{path} is no manifest of a bundle"


def observe(variables: Mapping[str, Any], inventory: Inventory, around: Surroundings, reachability: str) -> Observed:
    """Facts of hosts that answered in this play; a fact cache may know older ones, which do not count."""
    play = [host for host in variables["ansible_play_hosts_all"] if host in inventory.hosts]
    answered = [host for host in play if host in variables["ansible_play_hosts"]]
    hostvars = variables["hostvars"]
    facts = {host: hostvars[host].get("ansible_facts", {}).get("kubeops_node") for host in answered}
    paths = {host: hostvars[host].get(reachability) or {} for host in answered}
    return Observed(
        inventory=inventory,
        around=around,
        facts={host: found for host, found in facts.items() if found},
        reachability={host: found for host, found in paths.items() if "peers" in found},
        unreachable=tuple(host for host in play if host not in answered),
        left_out=tuple(host for host in inventory.hosts if host not in play),
    )


def thresholds(given: Mapping[str, Any]) -> Thresholds:
    """Role variables, as text from the command line too."""
    defaults = Thresholds()
    values = {name: type(getattr(defaults, name))(value) for name, value in given.items()}
    return Thresholds(**values)


def show(warnings: list[Finding], ignored: list[str], left_out: list[str]) -> None:
    """What a result that is ok would not print. A failure prints its own table."""
    if warnings:
        display.display(findings_of.table(warnings), color=constants.COLOR_WARN)
    for line in ignored:
        display.display(line, color=constants.COLOR_WARN)
    if left_out:
        display.display(f"Not part of this run: {findings_of.some(left_out)}", color=constants.COLOR_VERBOSE)
