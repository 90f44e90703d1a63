# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Jinja face of the TOML writer."""

from __future__ import annotations

DOCUMENTATION = r"""
name: to_toml
short_description: Write a mapping as TOML
version_added: 1.0.0
author: kubeops.cluster contributors (@kubeops)
description:
  - TOML 1.0. Keys keep their order; scalars come before tables.
options:
  _input:
    description: The document.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: A containerd configuration
  kubeops.cluster.managed_files:
    files:
      - path: /etc/containerd/config.toml
        content: "{{ {'version': 2, 'plugins': {}} | kubeops.cluster.to_toml }}"
"""

RETURN = r"""
_value:
  description: The document as text, ending with a newline.
  type: str
"""

from collections.abc import Callable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError

from ..module_utils._runtime.toml import dumps


def to_toml(document: Any) -> str:
    if not isinstance(document, Mapping):
        raise AnsibleFilterError(f"to_toml wants a mapping, got {type(document).__name__}")
    try:
        return dumps(document)
    except ValueError as error:
        raise AnsibleFilterError(f"to_toml: {error}") from error


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"to_toml": to_toml}
