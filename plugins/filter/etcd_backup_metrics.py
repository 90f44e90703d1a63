# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Jinja face of a backup's metric."""

from __future__ import annotations

DOCUMENTATION = r"""
name: etcd_backup_metrics
short_description: A backup of etcd in Prometheus' text format
version_added: 1.0.0
author: kubeops.cluster contributors (@kubeops)
description:
  - Of a success, C(kubeops_etcd_backup_last_success_timestamp_seconds), C(_size_bytes), C(_duration_seconds),
    C(_revision), and C(_restore_seconds) and C(_data_age_when_proven_seconds) where the snapshot was proved.
  - Of any snapshot, C(kubeops_etcd_backup_last_timestamp_seconds), and C(_unproven) and C(_quorum_lost), which are 0 or
    1. They belong in a file of their own, so that what is said of the last success stays.
options:
  _input:
    description: RV(kubeops.cluster.etcd_snapshot#module:manifest).
    type: dict
    required: true
  success:
    description: Whether to say what is said of a success, or else what is said of any snapshot.
    type: bool
    default: true
"""

EXAMPLES = r"""
- name: Show the metric
  ansible.builtin.debug:
    msg: "{{ taken.manifest | kubeops.cluster.etcd_backup_metrics }}"

- name: Show what is said of a snapshot that could not be proven, too
  ansible.builtin.debug:
    msg: "{{ taken.manifest | kubeops.cluster.etcd_backup_metrics(success=false) }}"
"""

RETURN = r"""
_value:
  description: Content of the file for the node exporter's textfile collector.
  type: str
"""

from typing import Any, Callable

from ..module_utils._ship import status


class FilterModule:
    """Ansible's registry of filters."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Filters by name."""
        return {"etcd_backup_metrics": status.metrics}
