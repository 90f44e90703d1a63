#!/usr/bin/python
# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Edge of etcd_snapshot: a state asked for in, snapshots taken, verified, listed or pruned out."""

from __future__ import annotations

DOCUMENTATION = r"""
module: etcd_snapshot
short_description: Take, verify, list and prune snapshots of etcd
version_added: 1.0.0
author: kubeops.cluster contributors (@kubeops)
description:
  - Streams a snapshot from etcd with the node's own certificates, over gRPC or else its HTTPS gateway; no etcdctl is
    needed. See U(https://etcd.io/docs/v3.6/op-guide/recovery/).
  - The SHA-256 that etcd sends at the end is checked while the snapshot arrives, then the tree of the database's pages
    is walked. Only a snapshot that passes gets its final name. Beside it, a manifest says what it is.
  - Works while quorum is lost, and warns about it. The member with the highest raft index is asked then.
  - Where the gateway is switched off (C(--enable-grpc-gateway=false)), members and their health come from C(etcdctl).
extends_documentation_fragment:
  - kubeops.cluster.attributes.reads
  - kubeops.cluster.etcd
  - kubeops.cluster.etcd_programs
  - kubeops.cluster.etcd_unpacking
  - kubeops.cluster.etcd_retention
options:
  state:
    description:
      - V(taken) takes a snapshot. It does so on every run.
      - V(verified) reads the whole of O(path) and fails, with the reason, unless every byte is as etcd sent it.
      - V(stored) does the same as far as neither key nor program is needed. Of a compressed or encrypted snapshot the
        file is compared with the hash in its manifest. What passes survives a power cut from then on.
      - V(listed) lists the snapshots in O(directory) without reading all of them.
      - V(pruned) removes from O(directory) what O(retention) does not keep of the cluster O(cluster_name). Its newest
        snapshot is verified first, and only what is older than the newest that passes is removed. Nothing goes that may
        be all that is left - where an older one has a higher revision, neither it nor what was taken before it.
      - Snapshots that could not be proven are counted apart. Behind one of them only others of them go, so that as many
        as O(retention) says stay of each class, and nothing proven goes for their sake.
    type: str
    choices: [taken, verified, stored, listed, pruned]
    default: taken
  directory:
    description:
      - Where snapshots are kept on the node. It is made, for root alone, where it is missing.
      - None is taken where it has less room than the database takes (twice that for one that is packed) and 64 MiB.
    type: path
    default: /var/lib/kubeops/etcd-snapshots
  path:
    description: For O(state=verified) and O(state=stored) - the snapshot. Defaults to the newest in O(directory).
    type: path
  cluster_name:
    description:
      - Name of the cluster, a part of the file name. Letters, digits, dots and dashes.
      - Clusters that share a directory or a bucket need different names, for retention tells them apart by it.
    type: str
    default: kubernetes
  schedule:
    description: Class of the snapshot, by which O(retention) counts.
    type: str
    choices: [manual, hourly, daily, weekly]
    default: manual
  member:
    description: Name or id of the member to take the snapshot from. Defaults to the healthiest follower.
    type: str
    default: ''
  kubernetes_version:
    description: For O(state=taken) - what the manifest says of it on a host that runs no API server, as C(v1.36.3).
    type: str
    default: ''
  prove:
    description:
      - For O(state=taken) and O(state=verified) - restores the snapshot into a throwaway etcd on this node, that only
        this user can reach, and compares revision, number of keys and their hash with what the source said of itself
        when the snapshot was taken, as its manifest has it.
      - It runs with little weight and at most 2 GiB of memory beyond the size of the snapshot, needs free disk space of
        twice that size, and leaves nothing behind. What a run that was killed left is removed by the next.
      - Where there are no programs, room, memory or time to try it, or the source does not say what it had, a snapshot
        just taken is kept, C(proof) in its manifest is null, and the module fails with RV(snapshot), RV(manifest) and
        RV(proof). One that has other data than the source, or that etcd does not take, is not kept.
      - A snapshot taken with O(prove) costs the source one reading of all its keys.
    type: bool
    default: false
  canary:
    description: Key that has to be in the snapshot, for O(prove). Defaults to the first key there is.
    type: str
    default: ''
  compression:
    description: For O(state=taken) - how the file is compressed, V(zstd) with the node's C(zstd).
    type: str
    choices: [none, gzip, zstd]
    default: none
  encryption:
    description:
      - For O(state=taken) - how the file is encrypted, with C(age) to the recipients, or with C(openssl) by a
        passphrase (AES-256 in counter mode, PBKDF2). The hash in the manifest tells any change of the file; who could
        change both is only kept out by V(age).
    type: str
    choices: [none, age, openssl]
    default: none
  encryption_file:
    description: Recipients file of age, or the file whose first line is the passphrase for openssl. On the node.
    type: path
  expect_kubernetes_uid:
    description:
      - For O(state=verified) - uid of the namespace kube-system of the cluster that the snapshot has to be of. It is
        read from the snapshot's own content.
    type: str
    default: ''
  expect_kubernetes_cas:
    description:
      - For O(state=verified) - SHA-256 of CA certificates of the cluster that the snapshot has to be of. Pods are told
        to trust them, so the snapshot has them.
      - Whichever matches is enough, this or O(expect_kubernetes_uid). An API server that started on empty data has made
        a new kube-system, and the CA stayed.
    type: list
    elements: str
    default: []
  expect_revision:
    description: For O(state=verified) - the revision that the snapshot has to reach at least.
    type: int
    default: 0
"""

EXAMPLES = r"""
- name: Take a snapshot
  kubeops.cluster.etcd_snapshot:
    cluster_name: prod
    schedule: daily
  register: taken

- name: Verify the newest
  kubeops.cluster.etcd_snapshot:
    state: verified

- name: Keep seven daily and four weekly snapshots
  kubeops.cluster.etcd_snapshot:
    state: pruned
    cluster_name: prod
    retention:
      daily: {count: 7}
      weekly: {count: 4, days: 31}
"""

RETURN = r"""
snapshot:
  description: Path of the snapshot taken or verified.
  returned: state is taken, not in check mode, and where it could not be proven, too; verified or stored
  type: str
manifest:
  description:
    - What the manifest beside the snapshot says; empty where a verified snapshot has none. C(size) is in bytes, the
      ids are decimal numbers as strings, C(taken_at) is in UTC.
  returned: state is taken, not in check mode, verified or stored
  type: dict
  sample: {"cluster_id": "6012025715201963436", "cluster_name": "prod", "duration_seconds": 0.8,
           "etcd_version": "3.6.8", "format": 1,
           "keys": {"compact_revision": 900, "count": 1270, "hash": 2311240318}, "kubernetes_version": "v1.36.3",
           "member": {"id": "6662698563040693991", "name": "cp2",
                      "reason": "the healthy follower with the highest raft index"},
           "quorum_lost": false, "raft_index": 1304, "revision": 1301, "schedule": "daily",
           "sha256": "2a7bb5f7bf6bf1b63d233ec929ee2a08374dd002a44b2085f5322602e2b3932c", "size": 1067450400,
           "stored": {"compression": "zstd", "encryption": "none", "size": 215033112,
                      "sha256": "9c1185a5c5e9fc54612808977ee8f548b2258d31c0ef28ab7bb0fd1ec8e1ec33"},
           "taken_at": "2026-11-20T01:00:00+00:00"}
member:
  description: The member that was chosen, or would be, with the reason.
  returned: state is taken
  type: dict
  sample: {"id": "6662698563040693991", "name": "cp2", "reason": "the healthy follower with the highest raft index"}
leader:
  description: Name of the member that leads; empty without a quorum.
  returned: state is taken
  type: str
quorum_lost:
  description: Whether etcd had no quorum.
  returned: state is taken
  type: bool
voters:
  description: How many members have a vote, by the list of the member that was asked for it.
  returned: state is taken
  type: int
proof:
  description:
    - What the throwaway etcd said. C(restore_seconds) is how long a restore of this snapshot takes until it answers
      (RTO), C(data_age_seconds) how old its data is by now (RPO).
    - C(compared) names what was compared with the source; empty where the manifest knows nothing of it.
    - Null where the snapshot that was taken could not be proven.
  returned: O(prove) is true, not in check mode
  type: dict
  sample: {"canary": {"key": "/registry/namespaces/kube-system", "mod_revision": 5, "size": 350},
           "compared": ["revision", "keys", "hash"], "data_age_seconds": 4.1, "hash": 2311240318, "keys": 1270,
           "restore_seconds": 2.6, "revision": 1301, "version": "3.6.8"}
origin:
  description:
    - C(cluster_name) and C(taken_at) by the manifest or else the file's name, empty where neither tells. The time is in
      UTC and whole seconds, so that it can be compared with RV(snapshots).
  returned: state is verified
  type: dict
  sample: {"cluster_name": "prod", "taken_at": "2026-11-20T01:00:00+00:00"}
verification:
  description:
    - What was read from the snapshot itself. C(proven_by) is C(trailer), or C(manifest) where the trailing hash was
      cut off. C(members) has the members' names by id, hexadecimal.
  returned: state is verified, or stored and the snapshot is not packed
  type: dict
  sample: {"kubernetes_cas": ["e3599eebf86b9cab260091a28926f9e14a4e2d2128a961be4c74a406dfa63236"],
           "kubernetes_uid": "8f14e45f-ceea-467f-a0e6-1c2d3e4f5a6b", "members": {"5c76a90ae78bcee7": "cp2"},
           "proven_by": "trailer", "raft_index": 1304, "revision": 1301,
           "sha256": "2a7bb5f7bf6bf1b63d233ec929ee2a08374dd002a44b2085f5322602e2b3932c", "size": 1067450400}
snapshots:
  description: Snapshots in the directory, oldest first. C(condition) is C(complete), C(no manifest) or C(size differs).
  returned: state is listed or pruned
  type: list
  elements: dict
pruned:
  description: What was removed, or would be, each with the reason.
  returned: state is pruned
  type: list
  elements: dict
  sample: [{"path": "/var/lib/kubeops/etcd-snapshots/etcd-prod-20261101T010000Z-daily.db",
            "reason": "more than 7 daily snapshots"}]
"""

import re
from collections.abc import Mapping
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._core.edge import run_module
from ..module_utils._core.errors import KubeopsError, Refusal
from ..module_utils._core.runner import Runner
from ..module_utils._etcd import argspec, identity, keep, packed, retention, snapshot
from ..module_utils._etcd.choice import Choice
from ..module_utils._etcd.packing import COMPRESSIONS, ENCRYPTIONS
from ..module_utils._etcd.prove import prove


def main() -> None:
    """Parse options and run."""
    module = AnsibleModule(
        argument_spec={
            **argspec.CONNECTION,
            **argspec.PROGRAMS,
            **argspec.UNPACKING,
            "prove": {"type": "bool", "default": False},
            "canary": {"type": "str", "default": ""},
            "compression": {"type": "str", "choices": list(COMPRESSIONS), "default": "none"},
            "encryption": {"type": "str", "choices": list(ENCRYPTIONS), "default": "none"},
            "encryption_file": {"type": "path", "no_log": False},
            "state": {"type": "str", "choices": list(STATES), "default": "taken"},
            "directory": {"type": "path", "default": "/var/lib/kubeops/etcd-snapshots"},
            "path": {"type": "path"},
            "cluster_name": {"type": "str", "default": "kubernetes"},
            "schedule": {"type": "str", "choices": list(retention.CLASSES), "default": "manual"},
            "member": {"type": "str", "default": ""},
            "kubernetes_version": {"type": "str", "default": ""},
            "retention": argspec.RETENTION,
            "expect_kubernetes_uid": {"type": "str", "default": ""},
            "expect_kubernetes_cas": {"type": "list", "elements": "str", "default": []},
            "expect_revision": {"type": "int", "default": 0},
        },
        supports_check_mode=True,
    )
    run_module(module, lambda given: STATES[given.params["state"]](given))


def taken(module: AnsibleModule) -> dict[str, Any]:
    """Choose a member and take a snapshot from it."""
    options = module.params
    if not re.fullmatch(r"[A-Za-z0-9.-]+", options["cluster_name"]):
        raise Refusal(
            "cluster_name is a part of file names",
            seen=f"cluster_name={options['cluster_name']}",
            fix="use letters, digits, dots and dashes",
            rule="cluster_name",
        )
    request, runner = keep.Request.of(options), Runner(module)
    source, packer = argspec.source(options, runner), argspec.packer(options, runner)
    with keep.reachable(argspec.gateways(options), source) as gateways:
        gateway, chosen = keep.choose(gateways, request.member)
        result = _chosen(chosen)
        if not module.check_mode:
            result["snapshot"], result["manifest"] = keep.take(gateway, chosen, request, source, packer)
            result.update({"proof": result["manifest"]["proof"]} if request.prove else {})
    return result


def _chosen(chosen: Choice) -> dict[str, Any]:
    member = chosen.status.member
    return {
        "changed": True,
        "member": {"id": member.id, "name": member.name, "reason": chosen.reason},
        "leader": chosen.leader,
        "quorum_lost": chosen.quorum_lost,
        "voters": chosen.voters,
        "warnings": ["etcd has lost its quorum; the snapshot holds what this member knows"] * chosen.quorum_lost,
    }


def verified(module: AnsibleModule) -> dict[str, Any]:
    """Read a snapshot whole, and compare it with what is expected."""
    options, runner = module.params, Runner(module)
    path = options["path"] or _newest(options["directory"])
    manifest = snapshot.read_manifest(path) or {}
    with packed.opened(path, argspec.unpacker(options, runner)) as (plain, facts):
        _refuse_other_cluster(path, facts, options)
        _refuse_older(path, facts, options["expect_revision"])
        result = {"changed": False, "snapshot": path, "manifest": manifest, "verification": facts.as_dict()}
        result["origin"] = keep.origin(path, manifest)
        if options["prove"] and not module.check_mode:
            hashed, source = facts.proven_by == "trailer", argspec.source(options, runner)
            result["proof"] = prove(plain, facts.revision, manifest, source, options["canary"], hashed=hashed)
    return result


def stored(module: AnsibleModule) -> dict[str, Any]:
    """Compare a snapshot with what is known of it without a key."""
    path = module.params["path"] or _newest(module.params["directory"])
    facts = packed.check(path)
    snapshot.settle(path)
    told = {"verification": facts.as_dict()} if facts else {}
    return {"changed": False, "snapshot": path, "manifest": snapshot.read_manifest(path) or {}, **told}


def _refuse_other_cluster(path: str, facts: snapshot.Facts, wanted: Mapping[str, Any]) -> None:
    uid, cas = wanted["expect_kubernetes_uid"], tuple(wanted["expect_kubernetes_cas"])
    if not identity.is_same(uid, cas, facts.kubernetes_uid, facts.kubernetes_cas):
        raise Refusal(
            f"{path} is a snapshot of another cluster",
            seen=f"uid of kube-system {facts.kubernetes_uid or 'not found'}, "
            f"CA {', '.join(facts.kubernetes_cas) or 'not found'}",
            fix=f"name one of the cluster with uid {uid or 'unknown'} or CA {', '.join(cas) or 'unknown'}",
            rule="another_cluster",
        )


def _refuse_older(path: str, facts: snapshot.Facts, revision: int) -> None:
    if facts.revision < revision:
        raise Refusal(
            f"{path} is too old",
            seen=f"revision {facts.revision}, expected {revision} or newer",
            fix="name a newer one, or lower expect_revision",
            rule="too_old",
        )


def listed(module: AnsibleModule) -> dict[str, Any]:
    """List the directory."""
    entries = keep.entries(module.params["directory"])
    return {"changed": False, "snapshots": [keep.describe(entry) for entry in entries]}


def pruned(module: AnsibleModule) -> dict[str, Any]:
    """Remove what the retention does not keep."""
    directory, cluster_name = module.params["directory"], module.params["cluster_name"]
    thin_out = keep.surplus if module.check_mode else keep.prune
    surplus = thin_out(directory, cluster_name, retention.rules(module.params["retention"]))
    gone = {entry.path for entry, __ in surplus}
    return {
        "changed": bool(surplus),
        "pruned": [{"path": entry.path, "reason": reason} for entry, reason in surplus],
        "snapshots": [keep.describe(entry) for entry in keep.entries(directory) if entry.path not in gone],
    }


def _newest(directory: str) -> str:
    entries = keep.entries(directory)
    if not entries:
        raise KubeopsError(f"there is no snapshot in {directory}", fix="take one, or name path")
    return entries[-1].path


STATES = {"taken": taken, "verified": verified, "stored": stored, "listed": listed, "pruned": pruned}

if __name__ == "__main__":
    main()
