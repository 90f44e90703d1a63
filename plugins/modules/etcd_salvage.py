#!/usr/bin/python
# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Edge of etcd_salvage: the data directory of a member that is down in, a verified snapshot out."""

from __future__ import annotations

DOCUMENTATION = r"""
module: etcd_salvage
short_description: Take a snapshot from the disk of an etcd member that does not run
version_added: 1.0.0
author: kubeops.cluster contributors (@kubeops)
description:
  - For a cluster that lost its quorum and of which no member can be started as it is. Starts an etcd on a copy of the
    data, that only this user can reach, and takes a verified snapshot from it. The data itself stays as it is.
  - The snapshot holds all that this member knew a quorum had agreed to. What was acknowledged in the last moment before
    a crash may stand in the log of another member only, so salvage every member that is left and use the snapshot with
    the highest C(revision). Reading the data adds entries to the log, so C(raft_index) is higher than the member's was.
  - Needs as much room as the data takes, beside it or else in C(/var/lib/kubeops). A disk that became read-only is
    read, and nothing is written on it.
extends_documentation_fragment:
  - kubeops.cluster.attributes.reads
  - kubeops.cluster.etcd_programs
options:
  data_dir:
    description: Data directory of the member.
    type: path
    default: /var/lib/etcd
  name:
    description: Name of the member.
    type: str
    required: true
  directory:
    description: Where the snapshot is kept.
    type: path
    default: /var/lib/kubeops/etcd-snapshots
  cluster_name:
    description: Name of the cluster, a part of the file name.
    type: str
    default: kubernetes
"""

EXAMPLES = r"""
- name: Save what the disk has
  kubeops.cluster.etcd_salvage:
    name: cp1
  register: salvaged
"""

RETURN = r"""
snapshot:
  description: Path of the snapshot.
  returned: success, not in check mode
  type: str
manifest:
  description: What it is, as RV(kubeops.cluster.etcd_snapshot#module:manifest).
  returned: success, not in check mode
  type: dict
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._core.edge import run_module
from ..module_utils._core.runner import Runner
from ..module_utils._etcd import argspec, keep, salvage


def run(module: AnsibleModule) -> dict[str, Any]:
    """Salvage."""
    params = module.params
    if module.check_mode:
        return {"changed": True}
    request = keep.Request(params["directory"], params["cluster_name"], "manual")
    path, manifest = salvage.run(params["data_dir"], params["name"], argspec.source(params, Runner(module)), request)
    return {"changed": True, "snapshot": path, "manifest": manifest}


def main() -> None:
    """Entry point."""
    options = {
        **argspec.PROGRAMS,
        "data_dir": {"type": "path", "default": "/var/lib/etcd"},
        "name": {"type": "str", "required": True},
        "directory": {"type": "path", "default": "/var/lib/kubeops/etcd-snapshots"},
        "cluster_name": {"type": "str", "default": "kubernetes"},
    }
    run_module(AnsibleModule(options, supports_check_mode=True), run)


if __name__ == "__main__":
    main()
