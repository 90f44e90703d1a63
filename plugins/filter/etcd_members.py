# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The hosts of etcd as its members."""

from __future__ import annotations

DOCUMENTATION = r"""
name: etcd_members
short_description: Names and URLs of inventory hosts as members of etcd
version_added: 1.0.0
author: kubeops.cluster contributors (@kubeops)
description:
  - Applies the defaults of the role C(etcd) to hosts of the group C(etcd) - C(etcd_name), C(etcd_address),
    C(etcd_client_port) and C(etcd_peer_port). On control planes etcd is as kubeadm makes it.
  - Needs no facts, so hosts outside C(--limit) are there too.
positional: hostvars
extends_documentation_fragment: kubeops.cluster.inventory.hosts
"""

EXAMPLES = r"""
- name: Client URL of every member
  ansible.builtin.debug:
    msg: "{{ groups['etcd'] | kubeops.cluster.etcd_members(hostvars) | map(attribute='client_url') }}"
"""

RETURN = r"""
_value:
  description: One entry for each host, in the order given. C(host) is the inventory name, C(name) the member's.
  type: list
  elements: dict
  sample:
    - host: e1
      name: e1
      address: 192.0.2.41
      client_url: https://192.0.2.41:2379
      peer_url: https://192.0.2.41:2380
"""

from collections.abc import Iterable, Mapping
from typing import Any, Callable

from ansible_collections.kubeops.cluster.plugins.filter.cluster_nodes import cluster_nodes

CLIENT_PORT = 2379
PEER_PORT = 2380


def etcd_members(hosts: Iterable[str], hostvars: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """One dictionary for each host; see RETURN."""
    return [_member(node, hostvars[node["host"]]) for node in cluster_nodes(hosts, hostvars)]


def _member(node: Mapping[str, Any], variables: Mapping[str, Any]) -> dict[str, Any]:
    external = "etcd" in variables.get("group_names", ())
    given = variables if external else {}
    address = str(given.get("etcd_address") or node["address"])
    return {
        "host": node["host"],
        "name": str(given.get("etcd_name") or node["host"]) if external else node["name"],
        "address": address,
        "client_url": _url(address, given.get("etcd_client_port", CLIENT_PORT)),
        "peer_url": _url(address, given.get("etcd_peer_port", PEER_PORT)),
    }


def _url(address: str, port: object) -> str:
    return f"https://[{address}]:{port}" if ":" in address else f"https://{address}:{port}"


class FilterModule:
    """Ansible's registry of filters."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Filters by name."""
        return {"etcd_members": etcd_members}
