# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""In which order, and how many at a time, the nodes of a hop are upgraded."""

from __future__ import annotations

DOCUMENTATION = r"""
name: upgrade_order
short_description: Order and batches of the nodes of one hop of an upgrade
version_added: 1.0.0
author: kubeops.cluster contributors (@kubeops)
description:
  - Turns a hop of the road (RV(kubeops.cluster.upgrade_plan#module:road)) into inventory hosts, one control plane after
    the other, and workers in batches.
  - Batches never mix groups, nor the canary with those that follow.
positional: _input, nodes
options:
  _input:
    description: A hop of the road.
    type: dict
    required: true
  nodes:
    description: Hosts of this run, as from the filter P(kubeops.cluster.cluster_nodes#filter).
    type: list
    elements: dict
    required: true
  control_planes:
    description: Inventory names of the control planes.
    type: list
    elements: str
    required: true
  at_once:
    description: Workers of a batch, a number or a percentage of all workers of the group, rounded down, at least one.
    type: raw
    default: 1
  max_unavailable:
    description: Upper bound for every batch, a number or a percentage of all workers. 0 is none.
    type: raw
    default: 0
  canary:
    description:
      - Workers that come first, as a batch of their own, or as several where O(at_once) is less.
    type: int
    default: 0
  groups:
    description: Groups with a pace of their own, in their order, each with C(name), C(hosts) and C(at_once).
    type: list
    elements: dict
    default: []
"""

EXAMPLES = r"""
- name: Batches of two, the first worker alone
  ansible.builtin.debug:
    msg: >-
      {{ plan_upgrade_result.road.hops[0]
         | kubeops.cluster.upgrade_order(ansible_play_hosts | kubeops.cluster.cluster_nodes(hostvars),
                                         control_planes=groups['control_plane'], at_once=2, canary=1) }}
"""

RETURN = r"""
_value:
  description:
    - C(control_planes), hosts in order, also those with nothing to do, which come first.
    - C(kubelets), control planes whose kubelet is upgraded, in order.
    - C(batches) of workers, lists of hosts.
    - C(most), workers that may be away at the same time, 0 for any number.
    - C(drains), names of nodes that are drained at the same time, in order, control planes alone and then the batches.
    - C(left_out), names of nodes that have something to do but are not in this run.
  type: dict
  sample:
    control_planes: [cp1, cp2, cp3]
    kubelets: [cp1, cp2, cp3]
    batches: [[w1], [w2, w3]]
    most: 0
    drains: [[cp1], [cp2], [cp3], [w1], [w2, w3]]
    left_out: []
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Callable, Union

Size = Union[int, str]
GROUP = ("name", "hosts", "at_once")


def upgrade_order(
    hop: Mapping[str, Any],
    nodes: Iterable[Mapping[str, Any]],
    control_planes: Sequence[str],
    at_once: Size = 1,
    max_unavailable: Size = 0,
    canary: int = 0,
    groups: Iterable[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """See RETURN. Raises ValueError for a size, or a group, that is none."""
    hosts = {str(node["name"]): str(node["host"]) for node in nodes}
    kubelets = [hosts[name] for name in hop["kubelets"] if name in hosts]
    workers = [host for host in kubelets if host not in control_planes]
    due = [hosts[name] for name in hop["control_planes"] if name in hosts]
    alone = [host for host in kubelets if host in control_planes]
    most = bound(max_unavailable, len(workers))
    batches = list(_batches(workers, paced(groups), at_once, most or len(workers), max(0, canary)))
    names = {host: name for name, host in hosts.items()}
    return {
        "control_planes": [host for host in hosts.values() if host in control_planes and host not in due] + due,
        "kubelets": alone,
        "batches": batches,
        "most": most,
        "drains": [[names[host] for host in batch] for batch in (*([host] for host in alone), *batches)],
        "left_out": [name for name in dict.fromkeys([*hop["control_planes"], *hop["kubelets"]]) if name not in hosts],
    }


def paced(groups: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The groups; raises ValueError for one whose pace nobody would keep."""
    found = list(groups)
    for group in found:
        if not isinstance(group, Mapping):
            raise ValueError(f"group {group!r} is no mapping of {', '.join(GROUP)}")
        name = group.get("name", "without a name")
        unknown = sorted(set(group) - set(GROUP))
        if unknown:
            raise ValueError(f"group {name}: {unknown[0]!r} is not known; known are {', '.join(GROUP)}")
        if not isinstance(group.get("hosts"), (list, tuple)):
            raise ValueError(f"group {name}: hosts is {group.get('hosts')!r}, no list of hosts")
    return found


def size(value: Size, total: int) -> int:
    """A number, or a percentage of the total rounded down; at least one. Raises ValueError where it is neither."""
    text = str(value).strip()
    number = int(text.removesuffix("%"))
    if number < 0:
        raise ValueError(f"{value!r} is negative")
    return max(1, number * total // 100 if text.endswith("%") else number)


def bound(value: Size, total: int) -> int:
    """The same as an upper bound; 0, also as the string that -e name=0 makes of it, is none and stays 0."""
    return size(value, total) if int(str(value).strip().removesuffix("%")) else 0


def _batches(
    workers: Sequence[str], groups: Sequence[Mapping[str, Any]], at_once: Size, most: int, canary: int
) -> Iterator[list[str]]:
    left = list(workers)
    for group in (*groups, {"hosts": workers}):
        members = [host for host in left if host in group["hosts"]]
        left = [host for host in left if host not in members]
        length = min(most, size(group.get("at_once", at_once), len(members)))
        # All of a batch is a canary, or none of it.
        yield from _cut(members[:canary], length)
        yield from _cut(members[canary:], length)
        canary = max(0, canary - len(members))


def _cut(hosts: Sequence[str], length: int) -> Iterator[list[str]]:
    for start in range(0, len(hosts), max(1, length)):
        yield list(hosts[start : start + max(1, length)])


class FilterModule:
    """Ansible's registry of filters."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Filters by name."""
        return {"upgrade_order": upgrade_order}
