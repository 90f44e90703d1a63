# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The collection-wide variables, once: role defaults, documentation and preflight all answer to this table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

CONTROL_PLANE = "control_plane"
WORKERS = "workers"
GROUPS = (CONTROL_PLANE, WORKERS, "windows_workers", "etcd", "load_balancers")
PREFIX = "kubeops_"

# Facts that modules of the collection set; they share the prefix and are no one's to write.
FACTS = ("kubeops_node", "kubeops_cluster")


@dataclass(frozen=True)
class Variable:
    """One `kubeops_*` variable; computed defaults are said in words.

    type: str, int, bool, list or dict. per_host: may differ between hosts by its nature.
    same: has to be the same on every host. control_plane_same: on every control plane; each of
    them writes it into what the cluster has once. secret: its value is never shown.
    """

    name: str
    type: str
    default: Any
    description: str
    choices: tuple[Any, ...] = ()
    required: bool = False
    per_host: bool = False
    same: bool = False
    control_plane_same: bool = False
    secret: bool = False


VARIABLES: tuple[Variable, ...] = (
    # The cluster
    Variable("kubeops_cluster_name", "str", "kubernetes", "Name of the cluster, as clients see it.", same=True),
    Variable(
        "kubeops_version",
        "str",
        "",
        "Kubernetes version, exactly: C(1.36.3); a leading v is fine.",
        required=True,
        same=True,
    ),
    Variable(
        "kubeops_endpoint",
        "str",
        "",
        "host:port at which clients and nodes reach the API. Required with more than one control plane, and where "
        "haproxy is set up; empty means the address of the only control plane and O(kubeops_api_port).",
        same=True,
    ),
    Variable(
        "kubeops_node_ip",
        "str",
        "",
        "Address of the node in the cluster network; empty means C(ansible_host). "
        "Two addresses with a comma for dual stack.",
        per_host=True,
    ),
    Variable(
        "kubeops_node_name",
        "str",
        "",
        "Name of the Node object; empty means the inventory name in lower case.",
        per_host=True,
    ),
    Variable("kubeops_api_port", "int", 6443, "Port of every API server on its own address.", same=True),
    Variable(
        "kubeops_pod_subnet",
        "str",
        "10.244.0.0/16",
        "Addresses of pods; two CIDRs with a comma for dual stack.",
        same=True,
    ),
    Variable(
        "kubeops_service_subnet",
        "str",
        "10.96.0.0/12",
        "Addresses of services; two CIDRs with a comma for dual stack.",
        same=True,
    ),
    Variable("kubeops_dns_domain", "str", "cluster.local", "DNS domain of services.", same=True),
    # Where Kubernetes comes from
    Variable(
        "kubeops_package_source",
        "str",
        "repository",
        "Install from package repositories or from a bundle directory.",
        choices=("repository", "bundle"),
    ),
    Variable(
        "kubeops_bundle",
        "str",
        "/var/lib/kubeops/bundle",
        "Bundle directory on the controller; the environment variable KUBEOPS_BUNDLE goes before the default.",
    ),
    Variable(
        "kubeops_bundle_on_node",
        "str",
        "",
        "Directory where the nodes already see the same bundle (a share, or baked into the image); "
        "nothing is copied then.",
    ),
    Variable(
        "kubeops_repository_url",
        "str",
        "https://pkgs.k8s.io/core:/stable:",
        "Package repository, or your mirror of it.",
    ),
    Variable(
        "kubeops_repository_key",
        "str",
        "",
        "Signing key: a file on the controller or a URL; empty means the Release.key of the repository's minor.",
    ),
    Variable(
        "kubeops_image_repository",
        "str",
        "registry.k8s.io",
        "Registry of the control plane's images.",
        control_plane_same=True,
    ),
    # The container runtime
    Variable(
        "kubeops_container_runtime", "str", "containerd", "Container runtime.", choices=("containerd", "crio", "docker")
    ),
    Variable(
        "kubeops_container_runtime_version",
        "str",
        "",
        "Version of it, such as 2.2.5. Empty for the one that is there, or the newest.",
    ),
    Variable(
        "kubeops_cgroup_driver",
        "str",
        "systemd",
        "cgroup driver of the kubelet and the container runtime.",
        choices=("systemd", "cgroupfs"),
        control_plane_same=True,
    ),
    Variable("kubeops_registry_mirrors", "dict", {}, "Registry name to the list of its mirrors' URLs, best first."),
    Variable("kubeops_registry_auth", "dict", {}, "Registry name to its credentials; keep it in a vault.", secret=True),
    Variable("kubeops_http_proxy", "str", "", "Proxy URL for plain HTTP.", secret=True),
    Variable("kubeops_https_proxy", "str", "", "Proxy URL for HTTPS.", secret=True),
    Variable("kubeops_no_proxy", "str", "", "Hosts and networks reached without the proxy, with commas between them."),
    # The network
    Variable(
        "kubeops_cni",
        "str",
        "flannel",
        "Pod network.",
        choices=("flannel", "calico", "cilium", "manifest", "bridge", "none"),
        same=True,
    ),
    Variable(
        "kubeops_load_balancer",
        "str",
        "haproxy",
        "What stands before the API servers; none only with one control plane.",
        choices=("haproxy", "external", "none"),
        same=True,
    ),
    Variable("kubeops_vip", "str", "", "Virtual address that keepalived moves between the load balancers.", same=True),
    Variable(
        "kubeops_vip_interface",
        "str",
        "",
        "Interface of the virtual address; empty means the one of the node's address.",
    ),
    # The control plane
    Variable(
        "kubeops_api_server_extra_sans",
        "list",
        [],
        "Further names and addresses in the API server's certificate.",
        control_plane_same=True,
    ),
    Variable(
        "kubeops_api_server_extra_args", "dict", {}, "Flags of kube-apiserver, without dashes.", control_plane_same=True
    ),
    Variable(
        "kubeops_controller_manager_extra_args",
        "dict",
        {},
        "Flags of kube-controller-manager, without dashes.",
        control_plane_same=True,
    ),
    Variable(
        "kubeops_scheduler_extra_args", "dict", {}, "Flags of kube-scheduler, without dashes.", control_plane_same=True
    ),
    Variable("kubeops_etcd_extra_args", "dict", {}, "Flags of etcd, without dashes.", control_plane_same=True),
    Variable(
        "kubeops_feature_gates", "dict", {}, "Kubernetes feature gates: name to true or false.", control_plane_same=True
    ),
    Variable("kubeops_patches", "str", "", "Directory of kubeadm patches, on the controller."),
    Variable("kubeops_kubelet_config", "dict", {}, "Overlay of KubeletConfiguration.", control_plane_same=True),
    Variable("kubeops_kube_proxy_config", "dict", {}, "Overlay of KubeProxyConfiguration.", control_plane_same=True),
    Variable(
        "kubeops_encryption_at_rest",
        "bool",
        False,
        "Encrypt Secrets in etcd, from the making of the cluster on.",
        same=True,
    ),
    Variable(
        "kubeops_audit_policy",
        "str",
        "",
        "Empty for no audit log, C(default), or the path of a policy on the controller.",
        control_plane_same=True,
    ),
    Variable(
        "kubeops_pod_security",
        "dict",
        {},
        "Cluster-wide Pod Security defaults: C(enforce), C(audit), C(warn).",
        control_plane_same=True,
    ),
    Variable(
        "kubeops_kubelet_serving_certificates",
        "bool",
        False,
        "Kubelets serve certificates signed by the cluster's CA.",
        control_plane_same=True,
    ),
    Variable(
        "kubeops_cluster_signing_duration",
        "str",
        "",
        "How long certificates signed by the cluster are valid, the kubelets' among them, as C(8760h). "
        "Empty is Kubernetes' own, a year.",
        control_plane_same=True,
    ),
    Variable(
        "kubeops_kubeadm_extra",
        "dict",
        {},
        "Overlay of any kubeadm document: kind to a mapping merged into it.",
        control_plane_same=True,
    ),
    Variable(
        "kubeops_external_etcd",
        "dict",
        {},
        "etcd that others run: C(endpoints), C(ca_file), C(cert_file), C(key_file); files on the controller. "
        "For one that this collection runs, put hosts into the group etcd instead.",
        same=True,
    ),
    Variable("kubeops_ignore_preflight", "list", [], "Names of kubeadm's own preflight checks to ignore."),
    Variable(
        "kubeops_on_partial",
        "str",
        "fail",
        "What to do with a node that kubeadm left half way.",
        choices=("fail", "resume", "reset"),
    ),
    Variable("kubeops_addons", "list", ["coredns", "kube-proxy"], "Addons that kubeadm installs.", same=True),
    # The nodes
    Variable("kubeops_node_labels", "dict", {}, "Labels of the node.", per_host=True),
    Variable(
        "kubeops_node_taints",
        "list",
        [],
        "Taints of the node: list of key, value, effect. Where a control plane is given a list, C([]) too, kubeadm's "
        "own taint goes unless it is in the list.",
        per_host=True,
    ),
    Variable(
        "kubeops_swap",
        "str",
        "off",
        "Swap off, or tolerated by the kubelet.",
        choices=("off", "tolerate"),
        control_plane_same=True,
    ),
    # Safety
    Variable("kubeops_confirm", "str", "", "The cluster's name, which destructive playbooks ask for."),
)

BY_NAME: dict[str, Variable] = {variable.name: variable for variable in VARIABLES}
