# SPDX-License-Identifier: GPL-3.0-or-later
"""Benchmarks that print ratios, both sides measured in one run on one machine.

    python -m tests.benchmarks [certificates] [create] [etcd] [node_facts] [upgrade] [version_skew]

certificates  cert_check of a control plane against kubeadm's own check and a loop of x509_certificate_info, and
            of up to 10,000 files: processor time and memory
create      create_cluster.yml from bare nodes, then its no-op run, against a plain
            shell script that takes the same kubeadm steps over ssh (create.sh)
etcd        etcd_snapshot over 1.2 GiB against etcdctl snapshot save, and its proof against etcdutl snapshot restore
node_facts  one node_facts call per node against `command: true` and `setup`
upgrade     upgrade_cluster.yml through the minors of the bundle against a plain shell script with the bare kubeadm,
            drain and kubelet steps (upgrade.sh); plan_upgrade.yml on five nodes against one
version_skew  verdicts and road of up to 10,000 nodes: processor time and memory
"""

from __future__ import annotations

import sys

from . import certificates, create, etcd, node_facts, upgrade, version_skew

BENCHMARKS = {
    "certificates": certificates.main,
    "create": create.main,
    "etcd": etcd.main,
    "node_facts": node_facts.main,
    "upgrade": upgrade.main,
    "version_skew": version_skew.main,
}


def main(names: list[str]) -> int:
    unknown = set(names) - set(BENCHMARKS)
    if unknown:
        print(f"unknown benchmark {', '.join(sorted(unknown))}; there are: {', '.join(BENCHMARKS)}")
        return 2
    for name in names or list(BENCHMARKS):
        BENCHMARKS[name]()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
