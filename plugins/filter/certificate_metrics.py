# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Jinja face of the metric on certificates."""

from __future__ import annotations

DOCUMENTATION = r"""
name: certificate_metrics
short_description: Certificates of a node in Prometheus' text format
version_added: 1.0.0
author: kubeops.cluster contributors (@kubeops)
description:
  - One C(kubeops_certificate_not_after_timestamp_seconds) and one C(kubeops_certificate_verdict) for each entry, and
    C(kubeops_certificate_checked_timestamp_seconds).
positional: checked_at
options:
  _input:
    description: RV(kubeops.cluster.cert_check#module:certificates).
    type: list
    elements: dict
    required: true
  checked_at:
    description: When they were checked, in seconds since the epoch.
    type: float
    required: true
"""

EXAMPLES = r"""
- name: Show the metric
  ansible.builtin.debug:
    msg: "{{ checked.certificates | kubeops.cluster.certificate_metrics(now().timestamp()) }}"
"""

RETURN = r"""
_value:
  description: Content of the file for the node exporter's textfile collector.
  type: str
"""

from typing import Any, Callable

from ..module_utils._x509 import table


class FilterModule:
    """Ansible's registry of filters."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Filters by name."""
        return {"certificate_metrics": table.metrics}
