#!/usr/bin/python
# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: node_facts
short_description: Everything the collection wants to know of a node, in one call
version_added: 1.0.0
description:
  - Reads what preflight, the roles and the playbooks decide by, and sets the fact C(kubeops_node).
    It stands in for C(ansible.builtin.setup), which the playbooks do not run.
  - Where another run, or what a killed run left behind, still works on the node (kubeadm goes on when its
    controller dies), the module waits until that has ended, and sees the node as it is then.
  - What cannot be read is V(null), with the reason under C(notes); the module does not fail for it.
author:
  - kubeops.cluster contributors (@kubeops)
options:
  gather_subset:
    description:
      - Sections to read, by their keys in C(kubeops_node); V(all) stands for every one.
    type: list
    elements: str
    default: [all]
    choices:
      - all
      - hostname
      - machine_id
      - product_uuid
      - boot_id
      - container
      - arch
      - os
      - kernel
      - cpu_count
      - memory_mib
      - time
      - cgroup
      - python
      - swap
      - kernel_modules
      - sysctls
      - addresses
      - default_route
      - listening
      - disk
      - binaries
      - runtime
      - services
      - kubernetes
  disks:
    description: Further paths to look at in C(disk).
    type: list
    elements: str
    default: []
extends_documentation_fragment:
  - kubeops.cluster.kubeadm.lock
  - kubeops.cluster.attributes.reads
"""

EXAMPLES = r"""
- name: Observe the node
  kubeops.cluster.node_facts:

- name: Observe only Kubernetes and the clock
  kubeops.cluster.node_facts:
    gather_subset: [kubernetes, time]
"""

RETURN = r"""
ansible_facts:
  description: The facts.
  returned: always
  type: dict
  contains:
    kubeops_node:
      description: The node as it is now. Sizes are MiB.
      returned: always
      type: dict
      contains:
        schema:
          description: Version of this structure.
          type: int
          returned: always
          sample: 1
        notes:
          description: Why a section is V(null), by section.
          type: dict
          returned: always
          sample: {}
        hostname:
          description: The kernel's host name.
          type: str
          returned: always
        machine_id:
          description: C(/etc/machine-id).
          type: str
          returned: always
        product_uuid:
          description: The hardware's UUID; V(null) where the platform has none.
          type: str
          returned: always
        boot_id:
          description: Changes with every boot.
          type: str
          returned: always
        container:
          description: What kind of system container the node is (systemd-nspawn, lxc); V(null) on a machine.
          type: str
          returned: always
        arch:
          description: Architecture by Kubernetes' name.
          type: str
          returned: always
          sample: amd64
        os:
          description: From C(os-release).
          type: dict
          returned: always
          sample: {id: debian, version_id: "12", id_like: [], pretty_name: Debian GNU/Linux 12 (bookworm)}
        kernel:
          description: Kernel release.
          type: str
          returned: always
          sample: 6.1.0-28-amd64
        cpu_count:
          description: CPUs that processes here may use.
          type: int
          returned: always
        memory_mib:
          description: Memory of the machine.
          type: int
          returned: always
        time:
          description: Seconds since the epoch, whether the kernel calls the clock synchronised, and what keeps it.
          type: dict
          returned: always
          sample: {unix: 1795262400.1, synchronized: true, service: systemd-timesyncd}
        cgroup:
          description: The cgroup version controllers come from; the hybrid layout counts as 1.
          type: dict
          returned: always
          sample: {version: 2}
        python:
          description: The Python that modules run in, and the library C(cryptography) in it; V(null) without it.
          type: dict
          returned: always
          sample: {version: 3.11.2, cryptography: 38.0.4}
        swap:
          description: Swap in use, and swap that C(/etc/fstab) turns on at boot.
          type: dict
          returned: always
          sample: {active: [], fstab: [/dev/sda2]}
        kernel_modules:
          description: Modules of interest that are loaded or built in.
          type: list
          elements: str
          returned: always
          sample: [overlay, br_netfilter]
        sysctls:
          description: Settings of interest; one that the kernel does not have is absent.
          type: dict
          returned: always
          sample: {net.ipv4.ip_forward: "1"}
        addresses:
          description: Addresses without loopback and link-local ones.
          type: list
          elements: dict
          returned: always
          sample: [{interface: eth0, address: 192.0.2.11, prefix: 24, family: ipv4, mac: "02:00:00:00:00:01"}]
        default_route:
          description: The default route, IPv4 before IPv6, and the address packets leave from; V(null) without one.
          type: dict
          returned: always
          sample: {interface: eth0, gateway: 192.0.2.1, address: 192.0.2.11}
        listening:
          description: Sockets that wait for connections; process is V(null) where the owner is not visible.
          type: list
          elements: dict
          returned: always
          sample: [{port: 22, protocol: tcp, address: 0.0.0.0, process: sshd}]
        disk:
          description: Size and space left where Kubernetes writes; a path that is not there yet counts with its parent.
          type: dict
          returned: always
          sample: {/var/lib/etcd: {total_mib: 20480, free_mib: 15000}}
        binaries:
          description: Programs found, by name, with path and version. Absent ones are absent.
          type: dict
          returned: always
          sample: {kubelet: {path: /usr/bin/kubelet, version: 1.36.3}}
        runtime:
          description: The container runtime, its CRI socket and whether that answers. Name is V(null) without one.
          type: dict
          returned: always
          sample: {name: containerd, version: 2.1.4, socket: /run/containerd/containerd.sock, live: true}
        services:
          description: systemd units of interest.
          type: dict
          returned: always
          sample: {kubelet: {active: true, enabled: true}}
        kubernetes:
          description:
            - How far Kubernetes is on this node. C(state) is V(absent), V(partial) or V(complete), from several
              markers; C(evidence) says what led to it.
            - C(made_with) is what a control plane's cluster keeps from its making.
          type: dict
          returned: always
          sample:
            state: complete
            role: control_plane
            node_name: cp1
            server: https://192.0.2.100:8443
            markers: {}
            evidence: []
            api_ready: true
            kubelet_healthy: true
            components: {kube-apiserver: {image: "registry.k8s.io/kube-apiserver:v1.36.3", version: 1.36.3}}
            made_with: {etcd: on the control planes, service_subnet: 10.96.0.0/12, pod_subnet: 10.244.0.0/16,
                        dns_domain: cluster.local, encryption: ""}
            etcd_member: true
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._core.edge import run_module
from ..module_utils._core.runner import Runner
from ..module_utils._kubeadm import argspec, journal
from ..module_utils._node.probe import SECTIONS, probe_node


def observe(module: AnsibleModule) -> dict[str, Any]:
    """The facts, as exit_json wants them."""
    journal.settle(module.params["lock_timeout"])
    node = probe_node(Runner(module), module.params["gather_subset"], module.params["disks"])
    return {"changed": False, "ansible_facts": {"kubeops_node": node}}


def main() -> None:
    spec = {
        "gather_subset": {"type": "list", "elements": "str", "default": ["all"], "choices": ["all", *SECTIONS]},
        "disks": {"type": "list", "elements": "str", "default": []},
        "lock_timeout": argspec.LOCK_TIMEOUT,
    }
    run_module(AnsibleModule(argument_spec=spec, supports_check_mode=True), observe)


if __name__ == "__main__":
    main()
