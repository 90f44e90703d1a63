# SPDX-License-Identifier: GPL-3.0-or-later
"""The Ansible inventory of a lab, with the variables that machines of this kind need. Pure."""

from __future__ import annotations

import json
from typing import Any

from tests.lab.host import Host
from tests.lab.model import GROUPS, Lab, Node
from tests.lab.paths import Paths

ENDPOINT_PORT = 8443
# All nodes see this host's disk: what it has left is no reason to take pods or images away from them.
SHARED_DISK = {
    "evictionHard": {"nodefs.available": "1%", "imagefs.available": "1%"},
    "imageGCHighThresholdPercent": 100,
    "imageGCLowThresholdPercent": 99,
}


def connection_variables(paths: Paths, lab: Lab) -> dict[str, Any]:
    known_hosts = f"-o UserKnownHostsFile={paths.known_hosts(lab.id)}"
    only_those = "-o GlobalKnownHostsFile=/dev/null -o StrictHostKeyChecking=yes"
    return {
        "ansible_user": "root",
        "ansible_python_interpreter": "/usr/bin/python3",
        "ansible_ssh_private_key_file": str(paths.key(lab.id)),
        "ansible_ssh_common_args": f"{known_hosts} {only_those} -o IdentitiesOnly=yes",
    }


def node_kind_variables(host: Host) -> dict[str, Any]:
    """What systemd-nspawn nodes on this host ask of a cluster's configuration."""
    variables: dict[str, Any] = {
        # kubeadm looks for the kernel's build configuration, which a container does not see.
        "kubeops_ignore_preflight": ["SystemVerification"],
        # nf_conntrack_max can be set in the host's network namespace alone.
        "kubeops_kube_proxy_config": {"conntrack": {"maxPerCore": 0}},
        "kubeops_kubelet_config": SHARED_DISK,
    }
    if host.layout.version == 1:
        variables["kubeops_cgroup_driver"] = "cgroupfs"
        variables["kubeops_kubelet_config"] = {**SHARED_DISK, "failCgroupV1": False}
    if not host.has_sys_resource:
        cri = {"restrict_oom_score_adj": True}
        plugins = {"plugins": {"io.containerd.grpc.v1.cri": cri}}
        variables["container_runtime_config_overrides"] = plugins
    return variables


def endpoint_variables(lab: Lab) -> dict[str, Any]:
    if len(lab.members("control_plane")) < 2:
        return {}
    return {"kubeops_vip": str(lab.vip), "kubeops_endpoint": f"{lab.vip}:{ENDPOINT_PORT}"}


def bundle_variables(paths: Paths, on_node: str | None) -> dict[str, Any]:
    if on_node is None:
        return {}
    return {
        "kubeops_package_source": "bundle",
        "kubeops_bundle": str(paths.bundle),
        "kubeops_bundle_on_node": on_node,
    }


def render(paths: Paths, lab: Lab, host: Host, bundle_on_node: str | None) -> str:
    def hosts(nodes: tuple[Node, ...]) -> dict[str, Any]:
        return {"hosts": {node.name: {} for node in nodes}}

    groups = {group: hosts(lab.members(group)) for group in GROUPS if lab.members(group)}
    variables = {
        **connection_variables(paths, lab),
        **node_kind_variables(host),
        **endpoint_variables(lab),
        **bundle_variables(paths, bundle_on_node),
    }
    addresses = {node.name: {"ansible_host": str(lab.address(node))} for node in lab.nodes}
    document = {"all": {"hosts": addresses, "children": groups, "vars": variables}}
    # JSON is YAML.
    return f"# Written by tests/lab for lab {lab.id!r}.\n{json.dumps(document, indent=2)}\n"
