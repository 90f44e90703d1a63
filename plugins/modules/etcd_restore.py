#!/usr/bin/python
# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Edge of etcd_restore: a snapshot and a stopped member in, a data directory made from it out."""

from __future__ import annotations

DOCUMENTATION = r"""
module: etcd_restore
short_description: Make the data directory of an etcd member from a snapshot
version_added: 1.0.0
author: kubeops.cluster contributors (@kubeops)
description:
  - Verifies the snapshot whole, restores it beside the old data with C(etcdutl), keeps the old data aside, and puts
    the new data in its place. See U(https://etcd.io/docs/v3.6/op-guide/recovery/).
  - Run it with the same snapshot on every member of the cluster, while etcd is stopped on all of them. It refuses to
    work on the data of an etcd that runs.
  - A run that was killed at any step is run again and completes. Data that was made from this very snapshot and never
    started since is left alone, so that a second run changes nothing.
  - It neither stops nor starts anything.
extends_documentation_fragment:
  - kubeops.cluster.attributes.changes
  - kubeops.cluster.etcd_programs
  - kubeops.cluster.etcd_unpacking
options:
  state:
    description:
      - V(restored) restores. etcd has to be stopped.
      - V(planned) verifies, plans and refuses in the same way, and changes nothing. etcd may still run, so ask every
        member before the first one is stopped.
    type: str
    choices: [restored, planned]
    default: restored
  snapshot:
    description: The snapshot, a file on this node. The manifest beside it is read where there is one.
    type: path
    required: true
  name:
    description: Name of this member. It has to be one of O(initial_cluster).
    type: str
    required: true
  initial_cluster:
    description: Peer URL of every member of the restored cluster, by the member's name. The same on every member.
    type: dict
    required: true
  cluster_token:
    description:
      - Together with O(initial_cluster) it makes the id of the restored cluster. The same on every member.
    type: str
    default: etcd-cluster
  data_dir:
    description: Data directory of the member. It is made where it is missing.
    type: path
    default: /var/lib/etcd
  bump_revision:
    description:
      - How much to raise the revision, so that clients that watch notice that time went back and start over. See
        U(https://github.com/kubernetes/kubernetes/issues/107457). V(0) leaves it.
      - An C(etcdutl) that cannot do it (before 3.6) is refused.
    type: int
    default: 1000000000
  above_revision:
    description:
      - Highest revision that clients may have seen. The restored one is O(bump_revision) above it and above that of the
        snapshot. The same on every member. Without it, a snapshot that is restored for a second time gets the revision
        of the first time again.
    type: int
    default: 0
  mark_compacted:
    description: Whether all up to the raised revision counts as compacted. Goes with O(bump_revision), never alone.
    type: bool
    default: true
  expect_sha256:
    description:
      - SHA-256 that the snapshot has to have, as in RV(kubeops.cluster.etcd_snapshot#module:verification). So every
        member is restored from the same one.
    type: str
    default: ''
  timeout:
    description: Seconds that C(etcdutl) may take.
    type: int
    default: 1800
"""

EXAMPLES = r"""
- name: Restore the member of this host
  kubeops.cluster.etcd_restore:
    snapshot: /var/lib/kubeops/etcd-restore/etcd-prod-20261121T010000Z-daily.db
    name: cp1
    initial_cluster:
      cp1: https://192.0.2.11:2380
      cp2: https://192.0.2.12:2380
      cp3: https://192.0.2.13:2380
    cluster_token: prod

- name: Ask the same before anything is stopped
  kubeops.cluster.etcd_restore:
    state: planned
    snapshot: /var/lib/kubeops/etcd-restore/etcd-prod-20261121T010000Z-daily.db
    name: cp1
    initial_cluster:
      cp1: https://192.0.2.11:2380
"""

RETURN = r"""
plan:
  description: The steps, each with its reason. Empty where the data directory is already what it shall be.
  returned: success
  type: list
  elements: dict
  sample:
    - action: restore
      reason: this member has no data of the snapshot
      target: /var/lib/etcd/restored
kept:
  description: Where the old data is kept, or would be. Empty where there was none.
  returned: success
  type: str
  sample: /var/lib/etcd/member.20261121T014501Z
verification:
  description: What was read from the snapshot itself, as RV(kubeops.cluster.etcd_snapshot#module:verification).
  returned: success
  type: dict
revision:
  description: The revision of the restored data. An etcd that was started on it has this one or a higher one.
  returned: success
  type: int
  sample: 1000001304
cluster_id:
  description: Id of the restored cluster, a decimal number. An etcd that has another one runs on other data.
  returned: success
  type: str
  sample: "6012025715201963436"
seconds:
  description: How long the steps took.
  returned: success
  type: float
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._core.edge import run_module
from ..module_utils._core.runner import Runner
from ..module_utils._etcd import argspec, restore


def run(module: AnsibleModule) -> dict[str, Any]:
    """Verify the snapshot, observe the data directory, plan, refuse or act, verify."""
    params, runner = module.params, Runner(module)
    request = restore.Request(
        snapshot=params["snapshot"],
        data_dir=params["data_dir"],
        name=params["name"],
        initial_cluster=params["initial_cluster"],
        token=params["cluster_token"],
        bump_revision=params["bump_revision"],
        above_revision=params["above_revision"],
        mark_compacted=params["mark_compacted"],
        expect_sha256=params["expect_sha256"],
        timeout=float(params["timeout"]),
    )
    source, packer = argspec.source(params, runner), argspec.unpacker(params, runner)
    if params["state"] == "planned":
        return {**restore.run(request, source, packer, act=False, stopped=False), "changed": False}
    return restore.run(request, source, packer, act=not module.check_mode)


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            **argspec.PROGRAMS,
            **argspec.UNPACKING,
            "state": {"type": "str", "choices": ["restored", "planned"], "default": "restored"},
            "snapshot": {"type": "path", "required": True},
            "name": {"type": "str", "required": True},
            "initial_cluster": {"type": "dict", "required": True},
            "cluster_token": {"type": "str", "default": "etcd-cluster", "no_log": False},
            "data_dir": {"type": "path", "default": "/var/lib/etcd"},
            "bump_revision": {"type": "int", "default": 1_000_000_000},
            "above_revision": {"type": "int", "default": 0},
            "mark_compacted": {"type": "bool", "default": True},
            "expect_sha256": {"type": "str", "default": ""},
            "timeout": {"type": "int", "default": 1800},
        },
        supports_check_mode=True,
    )
    run_module(module, run)


if __name__ == "__main__":
    main()
