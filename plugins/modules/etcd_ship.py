#!/usr/bin/python
# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Edge of etcd_ship: a snapshot on the node in, copies elsewhere out."""

from __future__ import annotations

DOCUMENTATION = r"""
module: etcd_ship
short_description: Ship a snapshot of etcd off the node
version_added: 1.0.0
author: kubeops.cluster contributors (@kubeops)
description:
  - Copies a snapshot and its manifest from the node to directories of other hosts over ssh, and to buckets of
    S3-compatible storage. Then keeps there what the retention asks for. Snapshots that could not be proven are counted
    apart, and nothing proven goes for their sake.
  - Under its final name a copy is whole. Its size is compared on arrival; S3 compares the content with the hash that
    was signed as well. Older snapshots go only after that.
  - The node itself sends, so that the timer of the role etcd_backup works without a controller.
extends_documentation_fragment:
  - kubeops.cluster.attributes.reads
  - kubeops.cluster.etcd_retention
options:
  path:
    description: The snapshot, as M(kubeops.cluster.etcd_snapshot) took it.
    type: path
    required: true
  targets:
    description: Where to. Each is tried, whether or not another one fails.
    type: list
    elements: dict
    default: []
    suboptions:
      type:
        description:
          - V(ssh) needs O(targets[].host), O(targets[].user), O(targets[].directory), O(targets[].key_file) and
            O(targets[].host_key), and the OpenSSH client on the node. The account may be confined to sftp.
          - V(s3) needs O(targets[].endpoint), O(targets[].bucket), O(targets[].access_key) and O(targets[].secret_key).
        type: str
        choices: [ssh, s3]
        required: true
      retention:
        description: What to keep at this target. Defaults to O(retention).
        type: dict
        default: {}
        suboptions:
          manual: &rule
            description: Rule of this class.
            type: dict
            suboptions:
              count:
                description: How many to keep.
                type: int
              days:
                description: For how many days to keep them.
                type: float
          hourly: *rule
          daily: *rule
          weekly: *rule
      host:
        description: Name or address of the host.
        type: str
      port:
        description: Port of its sshd.
        type: int
        default: 22
      user:
        description: User there.
        type: str
      directory:
        description: Directory there; it is made where it is missing.
        type: str
      key_file:
        description: Private key on the node.
        type: path
      host_key:
        description:
          - Public key of the host, C(ssh-ed25519 AAAA...), as in its C(/etc/ssh/ssh_host_ed25519_key.pub).
            It is checked.
        type: str
      endpoint:
        description: URL of the storage without the bucket. Only C(https), except on the loopback address.
        type: str
      region:
        description: Region that requests are signed for.
        type: str
        default: us-east-1
      bucket:
        description: Bucket, which has to exist.
        type: str
      prefix:
        description: What the names of the objects begin with.
        type: str
        default: ''
      access_key:
        description: Id of the access key.
        type: str
      secret_key:
        description: The secret access key.
        type: str
      ca_file:
        description: CA of the endpoint, a PEM file on the node. Defaults to the system's.
        type: path
"""

EXAMPLES = r"""
- name: Ship the snapshot to a vault and to a bucket
  kubeops.cluster.etcd_ship:
    path: "{{ taken.snapshot }}"
    targets:
      - type: ssh
        host: vault.example.com
        user: backup
        directory: etcd/production
        key_file: /etc/kubeops/backup_ed25519
        host_key: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl
      - type: s3
        endpoint: https://s3.eu-central-1.amazonaws.com
        region: eu-central-1
        bucket: example-etcd
        prefix: production
        access_key: AKIAIOSFODNN7EXAMPLE
        secret_key: "{{ vaulted_secret_key }}"
        retention:
          daily: {count: 31}
"""

RETURN = r"""
shipped:
  description: One entry for every target, with what went there and how long it took.
  returned: success, not in check mode
  type: list
  elements: dict
  sample: [{"target": "s3://example-etcd/production", "pruned": [], "seconds": 1.2}]
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._core.edge import run_module
from ..module_utils._core.runner import Runner
from ..module_utils._etcd.argspec import RETENTION
from ..module_utils._ship import argspec, ship


def run(module: AnsibleModule) -> dict[str, Any]:
    """Ship to every target."""
    params = module.params
    places = ship.places(params["targets"], params["retention"], "", Runner(module))
    if module.check_mode:
        return {"changed": bool(places)}
    return {"changed": bool(places), "shipped": ship.ship(params["path"], places)}


def main() -> None:
    """Entry point."""
    options = {
        "path": {"type": "path", "required": True},
        "targets": argspec.TARGETS,
        "retention": RETENTION,
    }
    run_module(AnsibleModule(options, supports_check_mode=True), run)


if __name__ == "__main__":
    main()
