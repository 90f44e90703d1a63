# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the timer of a node is told, in the types that a module would be given."""

from __future__ import annotations

DOCUMENTATION = r"""
name: etcd_backup_settings
short_description: Settings of the backup that a node takes by itself, converted and checked
version_added: 1.0.0
author: kubeops.cluster contributors (@kubeops)
description:
  - Converts C(retention) and C(targets) as M(kubeops.cluster.etcd_ship) has them, fills in what is left out, and fails
    where they cannot be used. For the timer nobody else does so, and what comes from templates or C(-e) is text.
  - Paths stay as they are, for they are those of the node.
options:
  _input:
    description: The settings; whatever else they have stays as it is.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Show them
  ansible.builtin.debug:
    msg: "{{ {'retention': {'hourly': {'count': '7'}}, 'targets': []} | kubeops.cluster.etcd_backup_settings }}"
"""

RETURN = r"""
_value:
  description: The settings.
  type: dict
"""

from collections.abc import Mapping
from typing import Any, Callable

from ansible.errors import AnsibleFilterError
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ..module_utils._etcd.argspec import RETENTION
from ..module_utils._ship.argspec import TARGET, TARGETS

# A module expands paths, which is right on the node only.
_UNEXPANDED = {
    name: {**option, "type": "str"} if option["type"] == "path" else option for name, option in TARGET.items()
}
_SPEC: dict[str, Any] = {"retention": RETENTION, "targets": {**TARGETS, "options": _UNEXPANDED}}


def etcd_backup_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings with retention and targets as a module would be given them."""
    try:
        asked = ArgumentSpecValidator(_SPEC).validate({name: settings[name] for name in _SPEC})
        wrong = "; ".join(asked.error_messages)
    except (AttributeError, TypeError):  # Ansible looks into a rule before it knows that it is a mapping.
        wrong = "a retention has count, days or both for a class, as {hourly: {count: 7}}"
    if wrong:
        raise AnsibleFilterError(f"the timer of backups cannot use etcd_backup_retention, etcd_backup_targets: {wrong}")
    return {**settings, **asked.validated_parameters}


class FilterModule:
    """Ansible's registry of filters."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Filters by name."""
        return {"etcd_backup_settings": etcd_backup_settings}
