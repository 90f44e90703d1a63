# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Of what every host of an etcd without quorum could save, the newest."""

from __future__ import annotations

DOCUMENTATION = r"""
name: etcd_rescue_choice
short_description: The newest data of an etcd that lost its quorum
version_added: 1.0.0
author: kubeops.cluster contributors (@kubeops)
description:
  - Compares what the hosts saved, from a member that runs or from a disk, by the revision of the keys. Logs of members
    are beginnings of one another, so that the highest revision has every write of the others.
  - A member that was started on an empty disk may be the first of a new cluster, whose writes are of another history.
    So what knows less than a quorum of the most voters that any of them knows is left out.
  - An etcd that was started on a disk to read it adds entries to its log, so the raft index cannot be compared with
    that of a member that runs. At the same revision the one that runs is taken.
options:
  _input:
    description:
      - One entry for each host. C(host) is its name, C(running) and C(salvaged) are results of
        M(kubeops.cluster.etcd_snapshot) and M(kubeops.cluster.etcd_salvage), and C(disk) that of
        M(kubeops.cluster.etcd_data_facts). All but C(host) may be missing. A look at a disk that failed is damage.
    type: list
    elements: dict
    required: true
"""

EXAMPLES = r"""
- name: Say which host has the newest data
  ansible.builtin.debug:
    msg: "{{ [{'host': 'cp1', 'salvaged': salvaged, 'disk': on_disk}] | kubeops.cluster.etcd_rescue_choice }}"
"""

RETURN = r"""
_value:
  description:
    - C(host) has the newest data, in the file C(snapshot) of C(revision); all are empty where nothing was saved.
    - C(failed) names the hosts that have data and saved nothing, each with the reason, and C(ahead) those of them whose
      disk has a higher revision. C(begun_anew) are those whose data is of another, smaller cluster, and was left out.
  type: dict
  sample:
    host: cp1
    snapshot: /var/lib/kubeops/etcd-snapshots/etcd-prod-20261121T010000Z-manual.db
    revision: 1301
    failed: {cp2: the database is damaged}
    ahead: []
    begun_anew: [cp3]
"""

from collections.abc import Mapping, Sequence
from typing import Any, Callable

from ansible_collections.kubeops.cluster.plugins.module_utils._etcd.quorum import quorum

SHOWN = 300  # characters of a reason; where etcd panics it says thousands


def etcd_rescue_choice(hosts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The newest, and what could not be read; see RETURN."""
    known_to = {host["host"]: _voters(host) for host in hosts}
    needed = quorum(max(known_to.values(), default=0))
    anew = [name for name, voters in known_to.items() if 0 < voters < needed]
    looked_at = [host for host in hosts if host["host"] not in anew]
    saved = [found for host in looked_at for found in _saved(host)]
    best = max(saved, key=lambda found: (found["revision"], found["running"], found["raft_index"]), default={})
    without = [host for host in looked_at if not _saved(host) and _disk(host).get("has_data")]
    revision = best.get("revision", 0)
    return {
        "host": best.get("host", ""),
        "snapshot": best.get("snapshot", ""),
        "revision": revision,
        "failed": {host["host"]: _reason(host) for host in without},
        "ahead": [host["host"] for host in without if _disk(host).get("revision", 0) > revision],
        "begun_anew": anew,
    }


def _voters(host: Mapping[str, Any]) -> int:
    """By the member that runs, or the disk: what was salvaged was served by a cluster of one. 0 where nobody knows."""
    return int((host.get("running") or {}).get("voters") or _disk(host).get("voters") or 0)


def _saved(host: Mapping[str, Any]) -> list[dict[str, Any]]:
    results = [(source == "running", host.get(source) or {}) for source in ("running", "salvaged")]
    return [
        {
            "host": host["host"],
            "running": running,
            "snapshot": result["snapshot"],
            "revision": int(result["manifest"]["revision"]),
            "raft_index": int(result["manifest"]["raft_index"]),
        }
        for running, result in results
        if result.get("manifest")
    ]


def _disk(host: Mapping[str, Any]) -> Mapping[str, Any]:
    result = host.get("disk") or {}
    failed = {"has_data": True, "damage": result.get("msg")} if "msg" in result else {}
    return result.get("data") or failed


def _reason(host: Mapping[str, Any]) -> str:
    said = [(host.get(source) or {}).get("msg") for source in ("salvaged", "running")]
    return str(next(filter(None, [_disk(host).get("damage"), *said]), "it was not looked at"))[:SHOWN]


class FilterModule:
    """Ansible's registry of filters."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Filters by name."""
        return {"etcd_rescue_choice": etcd_rescue_choice}
