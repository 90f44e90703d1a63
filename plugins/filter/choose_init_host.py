# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Controller-side face of the choice of the host that initialises the cluster."""

from __future__ import annotations

DOCUMENTATION = r"""
name: choose_init_host
short_description: Where to initialise the cluster, if anywhere
version_added: 1.0.0
author: kubeops.cluster contributors (@kubeops)
description:
  - Looks at C(ansible_facts.kubeops_node.kubernetes) of the control planes.
  - A cluster is initialised only where every control plane was observed and none belongs to one, or where
    C(kubeadm init) is known to have begun and not ended.
positional: hostvars
extends_documentation_fragment: kubeops.cluster.inventory.hosts
options:
  _input:
    description: The control planes, in inventory order.
"""

EXAMPLES = r"""
- name: Where would the cluster be initialised
  ansible.builtin.debug:
    msg: "{{ (groups['control_plane'] | kubeops.cluster.choose_init_host(hostvars)).init_host }}"
"""

RETURN = r"""
_value:
  description: C(init_host), empty when there is nothing to initialise, and C(refusal), empty when work may go on.
  type: dict
  sample: {init_host: cp1, refusal: ''}
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Callable

from ..module_utils._kubeadm import choice


def choose_init_host(hosts: Sequence[str], hostvars: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Apply the pure choice to hostvars; see RETURN."""
    facts = {host: hostvars[host].get("ansible_facts", {}).get("kubeops_node") for host in hosts}
    observed = {host: node["kubernetes"] for host, node in facts.items() if node}
    return asdict(choice.choose(list(hosts), observed))


class FilterModule:
    """Filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return them by name."""
        return {"choose_init_host": choose_init_host}
