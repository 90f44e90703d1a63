# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether an etcd whose hosts were all asked has a quorum."""

from __future__ import annotations

DOCUMENTATION = r"""
name: etcd_rescue_quorum
short_description: Whether an etcd has a quorum, by what all of its hosts say
version_added: 1.0.0
author: kubeops.cluster contributors (@kubeops)
description:
  - A member that was started on an empty disk may be the only one of a new cluster, and has a quorum there. So a quorum
    counts only where its voters are a quorum of the most voters that any member, or any disk, knows.
  - A member that runs and could not be asked may well be one of a quorum, unless its metrics say that it has no leader,
    as one does that was started after the quorum was lost.
options:
  _input:
    description:
      - One entry for each host. C(host) is its name, C(asked) the result of M(kubeops.cluster.etcd_snapshot) that asked
        its own member, and C(disk) is RV(kubeops.cluster.etcd_data_facts#module:data). All but C(host) may be missing.
    type: list
    elements: dict
    required: true
"""

EXAMPLES = r"""
- name: Say whether there is a quorum
  ansible.builtin.debug:
    msg: "{{ [{'host': 'cp1', 'asked': asked, 'disk': on_disk.data}] | kubeops.cluster.etcd_rescue_quorum }}"
"""

RETURN = r"""
_value:
  description:
    - C(answering) are the hosts whose member answered, C(quorum) those of them that have a quorum which counts, and
      C(unasked) those whose etcd has its data open, did not answer, and may have a leader, each with the reason.
  type: dict
  sample:
    answering: [cp1]
    quorum: []
    unasked: {cp2: "etcd at https://192.0.2.12:2379 refused the client certificate: it has expired"}
"""

from collections.abc import Iterable, Mapping
from typing import Any, Callable

from ansible_collections.kubeops.cluster.plugins.module_utils._etcd.quorum import quorum


def etcd_rescue_quorum(hosts: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Who answers, and who of them has a quorum; see RETURN."""
    looked_at = list(hosts)
    views = {host["host"]: host["asked"] for host in looked_at if "quorum_lost" in (host.get("asked") or {})}
    disks = [host.get("disk") or {} for host in looked_at]
    known = max((int(seen.get("voters", 0)) for seen in [*views.values(), *disks]), default=0)
    led = [host for host, view in views.items() if not view["quorum_lost"] and int(view["voters"]) >= quorum(known)]
    unasked = {
        host["host"]: str((host.get("asked") or {}).get("msg", "it was not asked"))
        for host in looked_at
        if _may_be_led(host.get("disk") or {}) and host["host"] not in views
    }
    return {"answering": list(views), "quorum": led, "unasked": unasked}


def _may_be_led(disk: Mapping[str, Any]) -> bool:
    return bool(disk.get("running")) and disk.get("has_leader") is not False


class FilterModule:
    """Ansible's registry of filters."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Filters by name."""
        return {"etcd_rescue_quorum": etcd_rescue_quorum}
