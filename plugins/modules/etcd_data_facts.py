#!/usr/bin/python
# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Edge of etcd_data_facts: a host of an etcd cluster in, what its disk knows out."""

from __future__ import annotations

DOCUMENTATION = r"""
module: etcd_data_facts
short_description: What a host knows of its etcd cluster while nothing runs
version_added: 1.0.0
author: kubeops.cluster contributors (@kubeops)
description:
  - Reads the data directory, and which snapshots of the cluster are kept on the host. Changes nothing.
  - Tells of which Kubernetes cluster they are, so that a restore can refuse the snapshot of another one while no API
    server answers.
extends_documentation_fragment:
  - kubeops.cluster.attributes.reads
options:
  data_dir:
    description: Data directory of etcd. Empty means the host has none.
    type: str
    default: /var/lib/etcd
  static_pod:
    description: Whether the host's etcd is kubeadm's. Then its manifest, in use or set aside, says where data and
      metrics are, and O(data_dir) and O(metrics_url) count only where it does not.
    type: bool
    default: false
  identify:
    description: Whether to find of which Kubernetes cluster the data is. It takes as long as reading all of it.
    type: bool
    default: true
  metrics_url:
    description:
      - Where an etcd that runs serves its metrics without TLS, as V(http://127.0.0.1:2381). It is asked whether it has
        a leader, for up to five seconds. Empty asks nobody.
    type: str
    default: ''
  directory:
    description: Where snapshots are kept.
    type: path
    default: /var/lib/kubeops/etcd-snapshots
  ca_file:
    description: Certificate of the Kubernetes cluster's CA. It need not be there.
    type: path
    default: /etc/kubernetes/pki/ca.crt
  cluster_name:
    description: Name of the cluster, which snapshots have in their manifests.
    type: str
    default: kubernetes
"""

EXAMPLES = r"""
- name: Look at what is left
  kubeops.cluster.etcd_data_facts:
    cluster_name: prod
  register: on_disk
"""

RETURN = r"""
data_dir:
  description: The directory that was looked at.
  returned: success
  type: str
  sample: /var/lib/etcd
data:
  description:
    - C(has_data), whether a member's database is there; C(running), whether an etcd has it open; C(kubernetes_uid) of
      the namespace kube-system and C(kubernetes_cas), SHA-256 of the CAs in it; C(revision) and C(raft_index) of a
      database that is not open; C(served_revision), the highest that clients can have seen of it; C(voters), how many
      members of the cluster have a vote by what it says; C(damage) where it cannot be read; C(has_leader) of one that
      runs, null where it was not asked (O(metrics_url)) or does not say.
  returned: success
  type: dict
  sample: {"damage": "", "has_data": true, "has_leader": null, "kubernetes_cas": [],
           "kubernetes_uid": "8f14e45f-ceea-467f-a0e6-1c2d3e4f5a6b", "raft_index": 1304,
           "revision": 1301, "running": false, "served_revision": 1301, "voters": 3}
kubernetes_cas:
  description: SHA-256 of the certificates in O(ca_file).
  returned: success
  type: list
  elements: str
  sample: [e3599eebf86b9cab260091a28926f9e14a4e2d2128a961be4c74a406dfa63236]
newest_snapshot:
  description:
    - The newest complete snapshot of the cluster, as M(kubeops.cluster.etcd_snapshot) lists it. Empty for none.
  returned: success
  type: dict
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._core import files
from ..module_utils._core.edge import run_module
from ..module_utils._etcd import identity, ondisk


def run(module: AnsibleModule) -> dict[str, Any]:
    """Look."""
    params = module.params
    data_dir, metrics_url = params["data_dir"], params["metrics_url"]
    if data_dir and params["static_pod"]:
        data_dir, metrics_url = ondisk.of_static_pod(data_dir, metrics_url)
    data = _data(data_dir, metrics_url, identify=params["identify"])
    return {
        "changed": False,
        "data_dir": data_dir,
        "data": data.as_dict(),
        "kubernetes_cas": list(identity.fingerprints(files.read_bytes(params["ca_file"]) or b"")),
        "newest_snapshot": ondisk.newest(params["directory"], params["cluster_name"]),
    }


def _data(data_dir: str, metrics_url: str, *, identify: bool) -> ondisk.OnDisk:
    if not data_dir:
        return ondisk.OnDisk(has_data=False)
    return ondisk.observe(data_dir, identify=identify, metrics_url=metrics_url)


def main() -> None:
    """Entry point."""
    options = {
        "data_dir": {"type": "str", "default": "/var/lib/etcd"},
        "static_pod": {"type": "bool", "default": False},
        "identify": {"type": "bool", "default": True},
        "metrics_url": {"type": "str", "default": ""},
        "directory": {"type": "path", "default": "/var/lib/kubeops/etcd-snapshots"},
        "ca_file": {"type": "path", "default": "/etc/kubernetes/pki/ca.crt"},
        "cluster_name": {"type": "str", "default": "kubernetes"},
    }
    run_module(AnsibleModule(options, supports_check_mode=True), run)


if __name__ == "__main__":
    main()
