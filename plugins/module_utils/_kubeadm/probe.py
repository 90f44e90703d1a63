# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Observes what kubeadm made of this node. Reads only, never fails on what is missing."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

from .._core import files, http
from .._core.errors import KubeopsError
from .._core.runner import Runner
from . import ca_hash, journal, kubeconfig, made_with, paths, state, static_pod

# A local API server answers in milliseconds or is not there.
TIMEOUT_SECONDS = 2.0
PROGRAM_SECONDS = 30.0
CONTROL_PLANE_LABEL = "node-role.kubernetes.io/control-plane"


def probe_kubernetes(runner: Runner) -> dict[str, Any]:
    """Return what is known of Kubernetes on this node.

    Keys: state, role, node_name, server (API server URL of the kubelet), cluster_ca
    (hash of the CA's public key, the same on all nodes of one cluster), markers,
    evidence, api_ready (bool, None where no API server belongs), kubelet_healthy
    (bool, None where no kubelet belongs), components ({name: {image, version}}),
    made_with (what the cluster keeps from its making, empty on workers),
    etcd_member (bool, None where there is no local etcd or no member answers).
    """
    del runner  # everything is read from files and sockets; the signature is the probes' own
    manifests = _manifests()
    kubelet_conf = files.read_text(paths.KUBELET_CONF) or ""
    name = own_node_name()
    api_ready = _api_ready(manifests)
    cluster = _cluster_markers(kubelet_conf, name, _api_url(manifests, api_ready, kubelet_conf))
    markers = _markers(manifests, {**cluster, "etcd_member": _etcd_member(manifests, name)})
    concluded = state.classify(markers)
    return {
        "state": concluded.state,
        "role": concluded.role,
        "evidence": list(concluded.evidence),
        "node_name": name,
        "server": kubeconfig.server(kubelet_conf),
        "cluster_ca": _cluster_ca(),
        "markers": markers.as_dict(),
        "api_ready": api_ready,
        "kubelet_healthy": _kubelet_healthy(),
        "components": {key: {"image": pod.image, "version": pod.version} for key, pod in manifests.items()},
        "made_with": made_with.observe(manifests, files.read_text(paths.KUBELET_CONFIG) or "").as_dict(),
        "etcd_member": markers.etcd_member,
    }


def programs(runner: Runner) -> dict[str, str]:
    """Versions of kubelet and kubeadm, of those that are installed and tell it."""
    asked = {"kubelet": ("--version",), "kubeadm": ("version", "--output", "short")}
    found = {
        name: runner.run([name, *options], timeout=PROGRAM_SECONDS, check=False).stdout.strip().rpartition(" ")[2]
        for name, options in asked.items()
        if runner.which(name)
    }
    return {name: version for name, version in found.items() if version}


def own_node_name() -> str:
    """Name of this machine's Node, empty where it has no identity yet."""
    return kubeconfig.node_name(files.read_text(paths.KUBELET_CONF) or "", files.read_text(paths.KUBELET_CLIENT) or "")


def own_node(server: str = "") -> dict[str, Any] | None:
    """This machine's Node object, asked for as its kubelet; None where no answer came. server: its own, or a URL."""
    return _as_kubelet(server, f"/api/v1/nodes/{own_node_name()}")


def lease_renewed(server: str = "") -> str:
    """When the kubelet last renewed its node's lease, as own_node; empty where no answer came, or there is no lease."""
    found = _as_kubelet(server, f"/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/{own_node_name()}")
    return str((found or {}).get("spec", {}).get("renewTime", ""))


def _as_kubelet(server: str, path: str) -> dict[str, Any] | None:
    kubelet_conf = files.read_text(paths.KUBELET_CONF) or ""
    with _identity_files(kubelet_conf) as (cert_file, key_file):
        if not cert_file:
            return None
        url = (server or kubeconfig.server(kubelet_conf)) + path
        answer = _ask(url, ca_file=paths.CA_CERT, cert_file=cert_file, key_file=key_file)
    if answer is None or answer.status != 200:
        return None
    found: dict[str, Any] = json.loads(answer.body)
    return found


def _cluster_ca() -> str:
    hashes = ca_hash.ca_cert_hashes(files.read_text(paths.CA_CERT) or "")
    return hashes[0].partition(":")[2] if hashes else ""


def _manifests() -> dict[str, static_pod.StaticPod]:
    texts = {
        name: files.read_text(f"{paths.MANIFESTS}/{name}.yaml") for name in ("etcd", *state.CONTROL_PLANE_MANIFESTS)
    }
    return {name: static_pod.parse(text) for name, text in texts.items() if text is not None}


def _markers(manifests: dict[str, static_pod.StaticPod], cluster: dict[str, bool | None]) -> state.Markers:
    mark = journal.unfinished()
    apiserver = manifests.get("kube-apiserver", static_pod.StaticPod())
    data = manifests.get("etcd", static_pod.StaticPod()).argument("data-dir", paths.ETCD_DATA)
    return state.Markers(
        manifests=tuple(sorted(manifests)),
        local_etcd=static_pod.uses_local_etcd(apiserver),
        ca=Path(paths.CA_CERT).exists(),
        admin_conf=Path(paths.ADMIN_CONF).exists(),
        kubelet_conf=Path(paths.KUBELET_CONF).exists(),
        bootstrap_conf=Path(paths.BOOTSTRAP_CONF).exists(),
        kubelet_config=Path(paths.KUBELET_CONFIG).exists(),
        etcd_data=Path(data, "member").is_dir(),
        unfinished=mark.get("operation", ""),
        unfinished_role=mark.get("role", ""),
        running=bool(mark) and journal.running(),
        node_registered=cluster.get("node_registered"),
        cluster_config=cluster.get("cluster_config"),
        control_plane_label=cluster.get("control_plane_label"),
        etcd_member=cluster.get("etcd_member"),
    )


def _api_ready(manifests: dict[str, static_pod.StaticPod]) -> bool | None:
    apiserver = manifests.get("kube-apiserver")
    if apiserver is None:
        return None
    url = static_pod.local_url(apiserver)
    return bool(url) and healthy(f"{url}/readyz")


def _api_url(manifests: dict[str, static_pod.StaticPod], ready: bool | None, kubelet_conf: str) -> str:
    """The node's own API server where it answers, else the cluster's.

    The kubelet of a control plane uses no other API server than its own, the administrator the endpoint.
    """
    if ready:
        return static_pod.local_url(manifests["kube-apiserver"])
    return kubeconfig.server(files.read_text(paths.ADMIN_CONF) or "") or kubeconfig.server(kubelet_conf)


def _cluster_markers(kubelet_conf: str, name: str, url: str) -> dict[str, bool | None]:
    """What the cluster says of this node, asked as the kubelet, which may read exactly this."""
    if not (name and url and Path(paths.CA_CERT).exists()):
        return {}
    with _identity_files(kubelet_conf) as (cert_file, key_file):
        if not cert_file:
            return {}
        options = {"ca_file": paths.CA_CERT, "cert_file": cert_file, "key_file": key_file}
        node = _ask(f"{url}/api/v1/nodes/{name}", **options)
        config = _ask(f"{url}/api/v1/namespaces/kube-system/configmaps/kubeadm-config", **options) if node else None
    return {
        "node_registered": _exists(node),
        "cluster_config": _exists(config),
        "control_plane_label": _labelled(node),
    }


def _identity_files(kubelet_conf: str) -> AbstractContextManager[tuple[str, str]]:
    """The kubelet's certificate and key as files."""
    if Path(paths.KUBELET_CLIENT).exists():
        return nullcontext((paths.KUBELET_CLIENT, paths.KUBELET_CLIENT))
    return _embedded(kubelet_conf)


@contextmanager
def _embedded(config: str) -> Iterator[tuple[str, str]]:
    """Certificate and key that a kubeconfig holds, in a 0600 file for a moment; empty where it holds none."""
    try:
        pem = kubeconfig.identity(config, "a kubeconfig").pem
    except KubeopsError:
        pem = ""
    if not pem:
        yield "", ""
        return
    Path(paths.RUN).mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=paths.RUN, encoding="ascii") as handle:
        handle.write(pem)
        handle.flush()
        yield handle.name, handle.name


def _kubelet_healthy() -> bool | None:
    config = files.read_text(paths.KUBELET_CONFIG)
    if config is None:
        return None
    return healthy(kubeconfig.kubelet_health_url(config))


def healthy(url: str) -> bool:
    """Tell whether a health endpoint answers with 200."""
    answer = _ask(url, insecure=True)
    return answer is not None and answer.status == 200


def _etcd_member(manifests: dict[str, static_pod.StaticPod], name: str) -> bool | None:
    """Whether etcd lists this node's member; the others are asked where its own does not answer, as removed ones do."""
    pod = manifests.get("etcd")
    if pod is None:
        return None
    listed = _lists_member(pod, static_pod.etcd_urls(pod, ()))
    return _lists_member(pod, static_pod.etcd_urls(pod, _other_control_planes(name))[1:]) if listed is None else listed


def _lists_member(pod: static_pod.StaticPod, urls: Sequence[str]) -> bool | None:
    for url in urls:
        answer = _ask(
            f"{url}/v3/cluster/member/list",
            method="POST",
            body="{}",
            ca_file=paths.ETCD_CA,
            cert_file=paths.ETCD_CLIENT_CERT,
            key_file=paths.ETCD_CLIENT_KEY,
        )
        if answer is not None and answer.status == 200:
            return static_pod.lists_member(pod, json.loads(answer.body).get("members", []))
    return None


def _other_control_planes(name: str) -> list[str]:
    """Their addresses, asked through the cluster's endpoint as its administrator; none where no answer came."""
    admin_conf = files.read_text(paths.ADMIN_CONF) or ""
    with _embedded(admin_conf) as (cert_file, key_file):
        if not cert_file:
            return []
        url = f"{kubeconfig.server(admin_conf)}/api/v1/nodes?labelSelector={CONTROL_PLANE_LABEL}"
        answer = _ask(url, ca_file=paths.CA_CERT, cert_file=cert_file, key_file=key_file)
    if answer is None or answer.status != 200:
        return []
    others = [node for node in json.loads(answer.body)["items"] if node["metadata"]["name"] != name]
    addresses = [address for node in others for address in node["status"].get("addresses", [])]
    return [address["address"] for address in addresses if address["type"] == "InternalIP"]


def _ask(url: str, **options: Any) -> http.Response | None:
    """No answer is an observation here, not an error."""
    try:
        return http.request(url, timeout=TIMEOUT_SECONDS, **options)
    except KubeopsError:
        return None


def _exists(answer: http.Response | None) -> bool | None:
    """Forbidden or unavailable says nothing about existence."""
    return {200: True, 404: False}.get(answer.status) if answer else None


def _labelled(answer: http.Response | None) -> bool | None:
    if answer is None or answer.status != 200:
        return None
    return CONTROL_PLANE_LABEL in json.loads(answer.body)["metadata"].get("labels", {})
