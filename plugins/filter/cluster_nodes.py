# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The hosts of a group as members of the cluster."""

from __future__ import annotations

DOCUMENTATION = r"""
name: cluster_nodes
short_description: Names and addresses of inventory hosts as members of the cluster
version_added: 1.0.0
author: kubeops.cluster contributors (@kubeops)
description:
  - Applies the defaults of C(kubeops_node_name) (the inventory name in lower case) and C(kubeops_node_ip)
    (C(ansible_host), else the inventory name). Needs no facts, so hosts outside C(--limit) are there too.
positional: hostvars
extends_documentation_fragment: kubeops.cluster.inventory.hosts
"""

EXAMPLES = r"""
- name: Address of every API server
  ansible.builtin.debug:
    msg: "{{ groups['control_plane'] | kubeops.cluster.cluster_nodes(hostvars) | map(attribute='address') }}"
"""

RETURN = r"""
_value:
  description:
    - One entry for each host, in the order given. C(host) is the inventory name, C(name) the Node's name,
      C(address) the first of C(addresses).
  type: list
  elements: dict
  sample:
    - {host: cp1, name: cp1, address: 192.0.2.11, addresses: [192.0.2.11]}
"""

from collections.abc import Iterable, Mapping
from typing import Any, Callable


def cluster_nodes(hosts: Iterable[str], hostvars: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """One dictionary for each host; see RETURN."""
    return [_node(host, hostvars[host]) for host in hosts]


def _node(host: str, variables: Mapping[str, Any]) -> dict[str, Any]:
    written = variables.get("kubeops_node_ip") or variables.get("ansible_host") or host
    addresses = [address.strip() for address in str(written).split(",")]
    name = str(variables.get("kubeops_node_name") or host.lower())
    return {"host": str(host), "name": name, "address": addresses[0], "addresses": addresses}


class FilterModule:
    """Ansible's registry of filters."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Filters by name."""
        return {"cluster_nodes": cluster_nodes}
