# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""upgrade_plan: puts together what the play observed, asks the pure rules, prints one table."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ..filter.upgrade_order import paced, upgrade_order
from ..module_utils._core import clock
from ..module_utils._drain.predict import Accepted
from ..module_utils._gates.assemble import Seen
from ..module_utils._gates.gates import Limits
from ..module_utils._gates.plan import Batches, Options, Pace, UpgradePlan, plan, plan_without_cluster
from ..module_utils._version.model import component_version
from ..module_utils._version.releases import KNOWN
from ..module_utils._version.road import Bundled, Hop, Wishes
from ..module_utils._version.version import KubeVersion

KUBECTL_TIMEOUT = 10
FACT = "kubeops_upgrade"
PACE = ("max_unavailable", "canary", "groups")

display = Display()


class ActionModule(ActionBase):
    """Runs on the controller, once for all hosts of the play."""

    BYPASS_HOST_LOOP = True
    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """The plan as result and as a table; a refusal fails where asked."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        __, given = self.validate_argument_spec(argument_spec=SPEC)
        try:
            made = planned(task_vars or {}, given)
        except (ValueError, KeyError) as error:
            raise AnsibleActionFail(
                f"The upgrade cannot be planned. Seen: {error}. Fix: correct that value."
            ) from error
        return concluded(result, made, given["fail"])


SPEC: dict[str, Any] = {
    "cluster": {"type": "dict", "required": True},
    "cluster_error": {"type": "str", "default": ""},
    "target": {"type": "str", "required": True},
    "available": {"type": "list", "elements": "str", "default": []},
    "bundle": {"type": "dict", "default": {}},
    "workers": {"type": "str", "choices": ["every_hop", "last_hop"], "default": "every_hop"},
    "workers_at_once": {"type": "raw", "default": 1},
    "max_unavailable": {"type": "raw", "default": 0},
    "canary": {"type": "int", "default": 0},
    "groups": {"type": "list", "elements": "dict", "default": []},
    "drain": {"type": "bool", "default": True},
    "delete_empty_dir": {"type": "bool", "default": False},
    "evict_unmanaged": {"type": "bool", "default": False},
    "release_data": {"type": "dict", "default": {}},
    "etcd_upgrade": {"type": "bool", "default": True},
    "end_of_life": {"type": "str", "choices": ["warning", "error"], "default": "warning"},
    "skip": {"type": "dict", "default": {}},
    "disk_free_mib": {"type": "dict", "default": {}},
    "certificate_hours": {"type": "float", "default": 24.0},
    "fail": {"type": "bool", "default": True},
}


def planned(variables: Mapping[str, Any], given: Mapping[str, Any]) -> UpgradePlan:
    """The plan. Raises ValueError or KeyError where something given is malformed."""
    require_known(given["groups"], variables["groups"]["all"])
    seen, wanted = observed(variables, given["cluster"]), options(given, batching(variables, given))
    if not given["cluster"]:
        return plan_without_cluster(seen, given["cluster_error"], wanted)
    return plan(seen, clients(), wanted, clock.now().date())


def observed(variables: Mapping[str, Any], cluster: Mapping[str, Any]) -> Seen:
    """Facts of hosts that answered in this play; a fact cache may know older ones, which do not count."""
    nodes = facts(variables)
    gone = [host for host in variables["ansible_play_hosts_all"] if host not in variables["ansible_play_hosts"]]
    strangers = [host for host in variables["ansible_play_hosts"] if host not in nodes]
    return Seen(cluster, {fact["name"]: fact for fact in nodes.values()}, tuple(gone), tuple(strangers))


def facts(variables: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """What hosts that answered said of themselves, by host; without those that are no node yet."""
    hosts = [host for host in variables["ansible_play_hosts_all"] if host in variables["ansible_play_hosts"]]
    found = {host: variables["hostvars"][host].get("ansible_facts", {}).get(FACT) for host in hosts}
    return {host: fact for host, fact in found.items() if fact and fact["name"]}


def require_known(groups: Iterable[Mapping[str, Any]], hosts: Iterable[str]) -> None:
    """Raises ValueError for a group with a host that the inventory does not have."""
    known = set(hosts)
    for group in paced(groups):
        unknown = [str(host) for host in group["hosts"] if host not in known]
        if unknown:
            raise ValueError(f"group {group.get('name', 'without a name')}: the inventory has no host {unknown[0]}")


def batching(variables: Mapping[str, Any], given: Mapping[str, Any]) -> Callable[[Hop], Batches]:
    """Batches of a hop as upgrade_cluster makes them."""
    nodes = [{"host": host, "name": fact["name"]} for host, fact in facts(variables).items()]
    control_planes = variables["groups"].get("control_plane", [])
    pace = {"at_once": given["workers_at_once"], **{name: given[name] for name in PACE}}

    def batches(hop: Hop) -> Batches:
        drains: Batches = upgrade_order(hop.as_dict(), nodes, control_planes, **pace)["drains"]
        return drains

    return batches


def clients() -> dict[str, str]:
    """The controller's kubectl, where there is one."""
    program = shutil.which("kubectl")
    if program is None:
        return {}
    argv = [program, "version", "--client", "--output=json"]
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=KUBECTL_TIMEOUT, check=True)
        return {"controller": str(json.loads(done.stdout)["clientVersion"]["gitVersion"])}
    except (OSError, subprocess.SubprocessError, ValueError, KeyError):
        return {}  # a kubectl that does not say its version is nobody's skew


def options(given: Mapping[str, Any], batches: Callable[[Hop], Batches]) -> Options:
    """The module's options; raises ValueError where one is malformed."""
    unexplained = sorted(rule for rule, reason in given["skip"].items() if not str(reason or "").strip())
    if unexplained:
        raise ValueError(f"skip of {unexplained[0]} has no reason")
    catalogue = KNOWN.with_overrides(given["release_data"])
    images = (entry for entry in given["bundle"].get("files", ()) if entry.get("kind") == "image")
    wishes = Wishes(
        target=KubeVersion.parse(given["target"]),
        available=tuple(map(KubeVersion.parse, given["available"] or bundle_versions(given["bundle"]))),
        workers=given["workers"],
        bundled=bundled(images),
        catalogue=catalogue,
        etcd=given["etcd_upgrade"],
    )
    limits = Limits({path: int(mib) for path, mib in given["disk_free_mib"].items()}, given["certificate_hours"] * 3600)
    accepted = Accepted(given["delete_empty_dir"], given["evict_unmanaged"]) if given["drain"] else None
    return Options(wishes, limits, given["skip"], Pace(), batches, accepted, given["end_of_life"])


def bundle_versions(manifest: Mapping[str, Any]) -> list[str]:
    """Kubernetes versions whose kubelet is in the bundle."""
    files = manifest.get("files", ())
    return sorted({entry["version"] for entry in files if entry.get("kind") == "binary" and entry["name"] == "kubelet"})


def bundled(images: Any) -> dict[KubeVersion, Bundled]:
    """etcd and CoreDNS that the bundle has for each Kubernetes version."""
    found: dict[str, dict[str, KubeVersion]] = {}
    for image in images:
        name, _colon, tag = image["name"].rpartition("/")[2].partition(":")
        for version in image.get("kubernetes", ()) if name in ("etcd", "coredns") else ():
            found.setdefault(version, {})[name] = component_version(tag)
    return {KubeVersion.parse(version): Bundled(**parts) for version, parts in found.items()}


def concluded(result: dict[str, Any], made: UpgradePlan, fail: bool) -> dict[str, Any]:
    """The result; where it fails, its message is the table."""
    result.update(made.as_dict(), changed=False)
    if made.errors and fail:
        result.update(failed=True, msg=result["table"], rule=made.errors[0].rule)
    else:
        display.display(result["table"])
    return result
