# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""kubeadm's configuration documents from a typed model (pure).

Reference: https://kubernetes.io/docs/reference/config-api/kubeadm-config.v1beta4/
Documents are written as JSON, which is YAML: nodes need no YAML library, and the
same model always gives the same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from . import paths

Document = dict[str, Any]

API_VERSION = "kubeadm.k8s.io/v1beta4"
KUBELET_API_VERSION = "kubelet.config.k8s.io/v1beta1"
KUBE_PROXY_API_VERSION = "kubeproxy.config.k8s.io/v1alpha1"
API_VERSIONS = {
    "InitConfiguration": API_VERSION,
    "ClusterConfiguration": API_VERSION,
    "JoinConfiguration": API_VERSION,
    "KubeletConfiguration": KUBELET_API_VERSION,
    "KubeProxyConfiguration": KUBE_PROXY_API_VERSION,
}
ADDONS = ("coredns", "kube-proxy")
# kubeadm init always makes a bootstrap token; nobody shall use this one, and the controller manager's
# token cleaner removes it a second later. (kubeadm takes 0 for "never expires".)
INIT_TOKEN_TTL = "1s"
# Fields of Credentials.
CREDENTIALS = ("endpoint", "token", "ca_cert_hashes", "certificate_key")
API_SERVER_VOLUME = "kubeops"


@dataclass(frozen=True)
class Component:
    """Settings of one control plane component.

    Attributes:
        extra_args: values by flag name without dashes; a list gives the flag several times.
        extra_volumes: kubeadm HostPathMount objects.
    """

    extra_args: Mapping[str, Any] = field(default_factory=dict)
    extra_volumes: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True)
class Cluster:
    """What the operator wants of the cluster as a whole.

    Attributes:
        version: Kubernetes version with leading v.
        endpoint: host:port by which clients and nodes reach the API; empty for a single control plane.
        feature_gates: Kubernetes feature gates, set on every component.
        kubelet: overlay of KubeletConfiguration.
        kube_proxy: overlay of KubeProxyConfiguration.
        audit_policy_file: path on the control planes, empty for no audit log.
        admission_file: path of an AdmissionConfiguration on the control planes.
        encryption_file: path of an EncryptionConfiguration on the control planes.
        external_etcd: endpoints, ca_file, cert_file and key_file as the nodes see them.
        addons: addons that kubeadm installs, out of coredns and kube-proxy.
        extra: free overlay, document kind to fields.
    """

    version: str
    name: str = "kubernetes"
    endpoint: str = ""
    pod_subnet: str = ""
    service_subnet: str = ""
    dns_domain: str = ""
    image_repository: str = ""
    extra_sans: Sequence[str] = ()
    api_server: Component = Component()
    controller_manager: Component = Component()
    scheduler: Component = Component()
    etcd: Component = Component()
    feature_gates: Mapping[str, bool] = field(default_factory=dict)
    kubelet: Mapping[str, Any] = field(default_factory=dict)
    kube_proxy: Mapping[str, Any] = field(default_factory=dict)
    audit_policy_file: str = ""
    admission_file: str = ""
    encryption_file: str = ""
    external_etcd: Mapping[str, Any] = field(default_factory=dict)
    addons: Sequence[str] = ("coredns", "kube-proxy")
    extra: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class Node:
    """What the operator wants of one node.

    Attributes:
        ip: address in the cluster network; two with a comma for dual stack.
        cri_socket: container runtime socket, with unix:// scheme.
        kubelet_extra_args: flags of this node's kubelet.
        patches: directory with kubeadm patches on the node, empty for none.
        taints: taints the node registers with; None leaves kubeadm's default.
    """

    name: str
    ip: str
    api_port: int = 6443
    cri_socket: str = ""
    kubelet_extra_args: Mapping[str, Any] = field(default_factory=dict)
    ignore_preflight: Sequence[str] = ()
    patches: str = ""
    taints: Sequence[Mapping[str, str]] | None = None

    @property
    def address(self) -> str:
        """The address the node's API server and etcd advertise."""
        return self.ip.partition(",")[0].strip()


@dataclass(frozen=True)
class Credentials:
    """What a joining node needs to trust and be trusted. Secret, never shown.

    Attributes:
        token: bootstrap token.
        ca_cert_hashes: ``sha256:<hex>`` of the CA public keys.
        endpoint: host:port of the API.
        certificate_key: key of the uploaded control plane certificates, empty for a worker.
    """

    endpoint: str
    token: str = field(repr=False)
    ca_cert_hashes: Sequence[str] = ()
    certificate_key: str = field(default="", repr=False)


def init_documents(cluster: Cluster, node: Node) -> list[Document]:
    """Return the documents of ``kubeadm init``."""
    return [_overlaid(document, cluster.extra) for document in (_init(cluster, node), *_shared(cluster))]


def cluster_documents(cluster: Cluster) -> list[Document]:
    """Return the documents that hold for the whole cluster."""
    return [_overlaid(document, cluster.extra) for document in _shared(cluster)]


def join_document(
    node: Node, credentials: Credentials, control_plane: bool, extra: Mapping[str, Mapping[str, Any]]
) -> Document:
    """Return the document of ``kubeadm join``."""
    document: Document = {
        **_head("JoinConfiguration"),
        "nodeRegistration": _registration(node),
        "discovery": {
            "bootstrapToken": {
                "apiServerEndpoint": credentials.endpoint,
                "token": credentials.token,
                "caCertHashes": list(credentials.ca_cert_hashes),
            }
        },
    }
    if control_plane:
        document["controlPlane"] = {
            "localAPIEndpoint": _local_endpoint(node),
            "certificateKey": credentials.certificate_key,
        }
    return _overlaid(_with_patches(document, node), extra)


def kubelet_documents(
    version: str, node: Node, extra: Mapping[str, Mapping[str, Any]], certificates: str
) -> list[Document]:
    """Return the least documents from which kubeadm init derives the flags that a join gave this node's kubelet.

    certificates is an empty directory: a CA without its key, as a worker has it, makes kubeadm look for the rest.
    """
    join = {**_head("JoinConfiguration"), "nodeRegistration": _registration(node)}
    registration = _overlaid(join, extra)["nodeRegistration"]
    init = {**_head("InitConfiguration"), "nodeRegistration": registration, "localAPIEndpoint": _local_endpoint(node)}
    return [init, {**_head("ClusterConfiguration"), "kubernetesVersion": version, "certificatesDir": certificates}]


def upload_certs_document(certificate_key: str, address: str, port: int) -> Document:
    """Return the InitConfiguration that uploads the certificates through the API server at this address."""
    return {
        **_head("InitConfiguration"),
        "certificateKey": certificate_key,
        "localAPIEndpoint": {"advertiseAddress": address, "bindPort": port},
    }


def unwanted_addons(addons: Sequence[str]) -> list[str]:
    """Return the phases of kubeadm init that install the addons nobody wants."""
    return [f"addon/{addon}" for addon in ADDONS if addon not in addons]


def dump(documents: Iterable[Document]) -> str:
    """Serialise documents, the same way every time."""
    return "---\n".join(json.dumps(document, indent=2, sort_keys=True) + "\n" for document in documents)


def arguments(values: Mapping[str, Any]) -> list[dict[str, str]]:
    """Turn flags into kubeadm's list form, sorted by name; a list repeats the flag."""
    return [
        {"name": name, "value": _text(value)}
        for name in sorted(values)
        for value in (values[name] if isinstance(values[name], (list, tuple)) else [values[name]])
    ]


def merge(base: Mapping[str, Any], overlay: Mapping[str, Any]) -> Document:
    """Lay one mapping over another: mappings merge, everything else is replaced."""
    merged = dict(base)
    for key, value in overlay.items():
        old = merged.get(key)
        merged[key] = merge(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return merged


def _init(cluster: Cluster, node: Node) -> Document:
    document: Document = {
        **_head("InitConfiguration"),
        "bootstrapTokens": [{"ttl": INIT_TOKEN_TTL, "description": "unused, expires at once"}],
        "localAPIEndpoint": _local_endpoint(node),
        "nodeRegistration": _registration(node),
        # The join command that kubeadm would print holds a token.
        "skipPhases": [*unwanted_addons(cluster.addons), "show-join-command"],
    }
    return _with_patches(document, node)


def _shared(cluster: Cluster) -> list[Document]:
    return [
        _cluster(cluster),
        {**_head("KubeletConfiguration"), **_gates(cluster), **cluster.kubelet},
        {**_head("KubeProxyConfiguration"), **_gates(cluster), **cluster.kube_proxy},
    ]


def _cluster(cluster: Cluster) -> Document:
    document: Document = {
        **_head("ClusterConfiguration"),
        "clusterName": cluster.name,
        "kubernetesVersion": cluster.version,
        "controlPlaneEndpoint": cluster.endpoint,
        "imageRepository": cluster.image_repository,
        "networking": _filled(
            podSubnet=cluster.pod_subnet, serviceSubnet=cluster.service_subnet, dnsDomain=cluster.dns_domain
        ),
        "apiServer": _api_server(cluster),
        "controllerManager": _component(cluster.controller_manager, cluster.feature_gates),
        "scheduler": _component(cluster.scheduler, cluster.feature_gates),
        "etcd": _etcd(cluster),
    }
    return {key: value for key, value in document.items() if value not in ("", {})}


def _api_server(cluster: Cluster) -> Document:
    arguments_of_files = _filled(
        **{
            "audit-policy-file": cluster.audit_policy_file,
            "admission-control-config-file": cluster.admission_file,
            "encryption-provider-config": cluster.encryption_file,
        }
    )
    mine = Component(
        extra_args={**arguments_of_files, **_audit_log(cluster), **cluster.api_server.extra_args},
        extra_volumes=[*_api_server_volumes(cluster), *cluster.api_server.extra_volumes],
    )
    document = _component(mine, cluster.feature_gates)
    if cluster.extra_sans:
        document["certSANs"] = list(cluster.extra_sans)
    return document


def _audit_log(cluster: Cluster) -> dict[str, str]:
    if not cluster.audit_policy_file:
        return {}
    return {
        "audit-log-path": f"{paths.AUDIT_LOG}/audit.log",
        "audit-log-maxage": "30",
        "audit-log-maxbackup": "10",
        "audit-log-maxsize": "100",
    }


def _api_server_volumes(cluster: Cluster) -> list[Document]:
    volumes = []
    if cluster.audit_policy_file or cluster.admission_file or cluster.encryption_file:
        volumes.append(_volume(API_SERVER_VOLUME, paths.API_SERVER_FILES, read_only=True))
    if cluster.audit_policy_file:
        volumes.append(_volume("audit-log", paths.AUDIT_LOG, read_only=False))
    return volumes


def _volume(name: str, path: str, read_only: bool) -> Document:
    return {
        "name": name,
        "hostPath": path,
        "mountPath": path,
        "readOnly": read_only,
        "pathType": "DirectoryOrCreate",
    }


def _component(component: Component, gates: Mapping[str, bool]) -> Document:
    flags = dict(component.extra_args)
    if gates:
        flags.setdefault("feature-gates", ",".join(f"{name}={_text(gates[name])}" for name in sorted(gates)))
    volumes = [dict(volume) for volume in component.extra_volumes]
    return {
        **({"extraArgs": arguments(flags)} if flags else {}),
        **({"extraVolumes": volumes} if volumes else {}),
    }


def _etcd(cluster: Cluster) -> Document:
    if cluster.external_etcd:
        return {
            "external": {
                "endpoints": list(cluster.external_etcd["endpoints"]),
                "caFile": cluster.external_etcd.get("ca_file", ""),
                "certFile": cluster.external_etcd.get("cert_file", ""),
                "keyFile": cluster.external_etcd.get("key_file", ""),
            }
        }
    local = _component(Component(cluster.etcd.extra_args), {})
    return {"local": {"dataDir": paths.ETCD_DATA, **local}}


def _registration(node: Node) -> Document:
    flags = {"node-ip": node.ip, **node.kubelet_extra_args}
    document: Document = {"name": node.name, "kubeletExtraArgs": arguments(flags)}
    if node.cri_socket:
        document["criSocket"] = node.cri_socket
    if node.ignore_preflight:
        document["ignorePreflightErrors"] = list(node.ignore_preflight)
    if node.taints is not None:
        document["taints"] = [dict(taint) for taint in node.taints]
    return document


def _local_endpoint(node: Node) -> Document:
    return {"advertiseAddress": node.address, "bindPort": node.api_port}


def _with_patches(document: Document, node: Node) -> Document:
    return {**document, "patches": {"directory": node.patches}} if node.patches else document


def _gates(cluster: Cluster) -> Document:
    return {"featureGates": dict(cluster.feature_gates)} if cluster.feature_gates else {}


def _overlaid(document: Document, extra: Mapping[str, Mapping[str, Any]]) -> Document:
    return merge(document, extra.get(document["kind"], {}))


def _head(kind: str) -> Document:
    return {"apiVersion": API_VERSIONS[kind], "kind": kind}


def _filled(**values: str) -> dict[str, str]:
    return {key: value for key, value in values.items() if value}


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
