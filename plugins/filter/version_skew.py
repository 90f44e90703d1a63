# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module version_skew, for templates."""

from __future__ import annotations

DOCUMENTATION = r"""
name: version_skew
short_description: Judge versions by the skew policy, and find the road to a wanted one
version_added: 1.0.0
author: kubeops.cluster contributors (@kubeops)
description:
  - What the module M(kubeops.cluster.version_skew) returns, without failing.
options:
  _input:
    description: What runs, as O(kubeops.cluster.version_skew#module:observed).
    type: dict
    required: true
  target:
    description: Version wanted. Empty to judge only what runs.
    type: str
  available:
    description: Versions that can be installed, for stops on the way.
    type: list
    elements: str
  workers:
    description: When workers are drained.
    type: str
    choices: [every_hop, last_hop]
  release_data:
    description: Newer release data.
    type: dict
  end_of_life:
    description: Level of a version that gets no more fixes.
    type: str
    choices: [warning, error]
"""

EXAMPLES = r"""
- name: The road, for people
  ansible.builtin.debug:
    msg: "{{ (observed | kubeops.cluster.version_skew(target='1.36.3')).table }}"
"""

RETURN = r"""
_value:
  description: C(status), C(verdicts), C(road), C(support) and C(table).
  type: dict
"""

from collections.abc import Mapping
from typing import Any, Callable

from ansible.errors import AnsibleFilterError

from ..module_utils._core import clock
from ..module_utils._version.judge import judge_mapping


def version_skew(observed: Mapping[str, Any], **options: Any) -> dict[str, Any]:
    """Verdicts and road; see RETURN."""
    try:
        return judge_mapping(observed, options, clock.now().date()).as_dict()
    except (ValueError, KeyError, TypeError) as error:
        raise AnsibleFilterError(f"version_skew: {error}") from error


class FilterModule:
    """Ansible's registry of filters."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Filters by name."""
        return {"version_skew": version_skew}
