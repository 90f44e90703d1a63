# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lookup of programs made of the collection's own node-side code."""

from __future__ import annotations

DOCUMENTATION = r"""
name: node_program
short_description: A program for nodes, made of the collection's own code
version_added: 1.0.0
author: kubeops.cluster contributors (@kubeops)
description:
  - Packs the code that the modules share into one executable file on the controller and returns its path, for
    M(ansible.builtin.copy). It needs Python 3.9 and nothing else on the node.
  - The same collection gives the same file. It is removed when Ansible ends.
options:
  _terms:
    description: Modules below C(module_utils) whose function C(main) the program runs.
    type: list
    elements: str
    required: true
"""

EXAMPLES = r"""
- name: Program of the backup's timer
  ansible.builtin.copy:
    src: "{{ lookup('kubeops.cluster.node_program', '_ship.unattended') }}"
    dest: /usr/local/lib/kubeops/etcd-backup
    mode: "0755"
"""

RETURN = r"""
_raw:
  description: Path of each program on the controller.
  type: list
  elements: path
"""

import os
import tempfile
from pathlib import Path
from typing import Any

from ansible import constants
from ansible.plugins.lookup import LookupBase

from ..plugin_utils import node_program

MODULE_UTILS = Path(__file__).resolve().parents[1] / "module_utils"


class LookupModule(LookupBase):
    """Builds each program that is asked for."""

    def run(self, terms: list[str], variables: Any = None, **kwargs: Any) -> list[str]:
        """Return the paths of the programs."""
        return [_written(term) for term in terms]


def _written(module: str) -> str:
    handle, path = tempfile.mkstemp(prefix="kubeops-program-", dir=constants.DEFAULT_LOCAL_TMP)
    with os.fdopen(handle, "wb") as file:
        file.write(node_program.build(MODULE_UTILS, module))
    return path
