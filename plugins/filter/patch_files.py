# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Turns a directory of kubeadm patches into files for the nodes."""

from __future__ import annotations

DOCUMENTATION = r"""
name: patch_files
short_description: kubeadm patches as entries for managed_files
version_added: 1.0.0
author: kubeops.cluster contributors (@kubeops)
description:
  - Reads the patches on the controller. Their directory on the node is named by a hash of names and contents, so a
    patch that was removed or changed never lingers in the directory in use.
positional: directory
options:
  _input:
    description: Paths of the patches on the controller.
    type: list
    elements: str
    required: true
  directory:
    description: Parent directory on the node.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Patches
  kubeops.cluster.managed_files:
    files: "{{ query('ansible.builtin.fileglob', 'patches/*') | kubeops.cluster.patch_files('/etc/kubernetes') }}"
"""

RETURN = r"""
_value:
  description: C(path), C(content) and C(mode) of each file.
  type: list
  elements: dict
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Callable

HASH_LENGTH = 8


def patch_files(sources: Sequence[str], directory: str) -> list[dict[str, str]]:
    """Return one entry for each patch; see RETURN."""
    contents = {Path(source).name: Path(source).read_text(encoding="utf-8") for source in sorted(sources)}
    digest = hashlib.sha256("".join(f"{name}\0{text}\0" for name, text in contents.items()).encode()).hexdigest()
    target = f"{directory}/patches-{digest[:HASH_LENGTH]}"
    return [{"path": f"{target}/{name}", "content": text, "mode": "0644"} for name, text in contents.items()]


class FilterModule:
    """Filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return them by name."""
        return {"patch_files": patch_files}
