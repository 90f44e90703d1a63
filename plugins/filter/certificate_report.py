# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Jinja face of the report on certificates."""

from __future__ import annotations

DOCUMENTATION = r"""
name: certificate_report
short_description: Results of cert_check on many hosts as one report
version_added: 1.0.0
author: kubeops.cluster contributors (@kubeops)
description:
  - Puts together what M(kubeops.cluster.cert_check) returned on each host, soonest first.
  - Names the hosts that were left out of the run, and those that could not be checked.
positional: hostvars, took_part, variable, fail_on
extends_documentation_fragment: kubeops.cluster.inventory.hosts
options:
  took_part:
    description: Hosts of this run, whether they answered or not (C(ansible_play_hosts_all)).
    type: list
    elements: str
    required: true
  variable:
    description: Variable that holds the result of M(kubeops.cluster.cert_check) on each host.
    type: str
    required: true
  fail_on:
    description: Entries with this verdict or a worse one are in C(due).
    type: str
    choices: [never, warning, critical, expired, broken]
    default: never
"""

EXAMPLES = r"""
- name: The table
  ansible.builtin.debug:
    msg: "{{ (groups['all'] | kubeops.cluster.certificate_report(hostvars, ansible_play_hosts_all, 'checked')).table }}"
"""

RETURN = r"""
_value:
  description:
    - C(certificates) with the C(host) of each, C(verdict), C(counts), C(due) (sentences), C(left_out),
      C(not_checked) (the reason by host), C(clock_offset) (seconds ahead of the controller by host) and C(table)
      (lines).
  type: dict
  sample: {verdict: ok, counts: {ok: 30}, due: [], left_out: [w2], not_checked: {w1: it was not reached}}
"""

from collections.abc import Mapping, Sequence
from typing import Any, Callable

from ..module_utils._x509 import table


def certificate_report(
    hosts: Sequence[str],
    hostvars: Mapping[str, Mapping[str, Any]],
    took_part: Sequence[str],
    variable: str,
    fail_on: str = "never",
) -> dict[str, Any]:
    """Apply the pure report to hostvars; see RETURN."""
    results = {host: hostvars[host].get(variable) or {} for host in hosts}
    found = table.report(hosts, took_part, results, fail_on)
    return {**found, "table": table.table(found)}


class FilterModule:
    """Ansible's registry of filters."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Filters by name."""
        return {"certificate_report": certificate_report}
