# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lets one node into the cluster for a few minutes, from a healthy control plane."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from .._core import clock, files
from .._core.errors import KubeopsError, Refusal
from .._core.runner import Runner
from .._etcd import quorum
from .._etcd.gateway import Gateway, first_answer
from .._etcd.model import Member
from .._x509 import load
from .._x509.model import CLIENT_AUTH, Unreadable
from . import ca_hash, command, config, paths, static_pod
from .api import ApiClient, object_path

TOKEN = re.compile(r"^[a-z0-9]{6}\.[a-z0-9]{16}$")
JOINERS = "system:bootstrappers:kubeadm:default-node-token"
CERTIFICATES = "kubeadm-certs"
NAMESPACE = "kube-system"
DESCRIPTION = "kubeops.cluster: one node joins"
UPLOAD_TIMEOUT = 120.0
# kubeadm's pairs that a member takes for a client's, the API server's own first.
ETCD_CLIENTS = ("apiserver-etcd-client", "etcd/healthcheck-client", "etcd/peer", "etcd/server")
LOST = (
    "see what check_certificates says of this host: where a certificate is over or has lost its key, run the playbook "
    "recover_certificates with --limit to this host"
)

_ENDPOINT = re.compile(r"^controlPlaneEndpoint:\s*[\"']?([^\s\"']+)", re.MULTILINE)


def require_healthy(api: ApiClient) -> None:
    """Raise Refusal unless this control plane's own API server is ready."""
    if not api.ready():
        raise Refusal(
            "this control plane is not healthy",
            seen=f"{api.url}/readyz does not answer with 200",
            fix="use another control plane",
            rule="control_plane_not_healthy",
        )


def version(api: ApiClient) -> str:
    """Return the version of this control plane's API server."""
    return str((api.get("/version") or {}).get("gitVersion", ""))


def grant_token(api: ApiClient, token: str, expires: datetime) -> None:
    """Create the bootstrap token.

    Format: https://kubernetes.io/docs/reference/access-authn-authz/bootstrap-tokens/
    """
    if not TOKEN.match(token):
        raise KubeopsError("the token is malformed", fix="six and sixteen characters of a-z0-9 with a dot between")
    token_id, _dot, secret = token.partition(".")
    api.create(
        object_path("secrets", "", NAMESPACE),
        {
            "metadata": {"name": f"bootstrap-token-{token_id}", "namespace": NAMESPACE},
            "type": "bootstrap.kubernetes.io/token",
            "stringData": {
                "token-id": token_id,
                "token-secret": secret,
                "description": DESCRIPTION,
                "expiration": f"{expires:%Y-%m-%dT%H:%M:%SZ}",
                "usage-bootstrap-authentication": "true",
                "usage-bootstrap-signing": "true",
                "auth-extra-groups": JOINERS,
            },
        },
    )


def expiry(now: datetime, minutes: int) -> datetime:
    """Return when a token granted now ends."""
    return now + timedelta(minutes=minutes)


def upload_certificates(runner: Runner, api: ApiClient, certificate_key: str) -> None:
    """Store the control plane certificates in the cluster, encrypted with the key."""
    local = urlsplit(api.url)
    document = config.upload_certs_document(certificate_key, local.hostname or "", local.port or 443)
    text = config.dump([document]) + "---\n" + cluster_configuration(api)
    with command.config_file(text) as path:
        command.run(
            runner,
            ["init", "phase", "upload-certs", "--upload-certs", "--skip-certificate-key-print", "--config", path],
            UPLOAD_TIMEOUT,
        )


def revoke(api: ApiClient, token_id: str, certificates: bool) -> bool:
    """Delete the token, and the uploaded certificates with the token that limits their life."""
    gone = api.delete(object_path("secrets", f"bootstrap-token-{token_id}", NAMESPACE))
    if certificates:
        gone = _revoke_certificates(api) or gone
    return gone


def endpoint(api: ApiClient) -> str:
    """Return host:port by which nodes join: the cluster's endpoint, else this API server."""
    match = _ENDPOINT.search(cluster_configuration(api))
    return match[1] if match else api.url.partition("//")[2]


def cluster_configuration(api: ApiClient) -> str:
    """Return the text of kubeadm's ClusterConfiguration."""
    found = api.get(object_path("configmaps", "kubeadm-config", NAMESPACE))
    if found is None:
        raise KubeopsError(
            "the cluster holds no kubeadm-config ConfigMap",
            seen=f"{api.url} answers, the object does not exist",
            fix="kubeadm init did not end: run again with kubeops_on_partial=resume",
        )
    return str(found["data"]["ClusterConfiguration"])


def hashes() -> list[str]:
    """Return the CA hashes a joining node pins."""
    return ca_hash.ca_cert_hashes(files.read_text(paths.CA_CERT) or "")


def local_etcd() -> Gateway | None:
    """Return the gateway of this node's etcd, None where etcd is external."""
    manifest = files.read_text(f"{paths.MANIFESTS}/etcd.yaml")
    if manifest is None:
        return None
    url = static_pod.parse(manifest).argument("advertise-client-urls")
    return Gateway(url, paths.ETCD_CA, *_etcd_client())


def _etcd_client() -> tuple[str, str]:
    """Certificate and key to ask etcd with: the first pair that it takes, since the API server's may be lost."""
    pairs = [(f"{paths.PKI}/{name}.crt", f"{paths.PKI}/{name}.key") for name in ETCD_CLIENTS]
    return next((pair for pair in pairs if _is_taken(*pair)), pairs[0])


def _is_taken(cert_file: str, key_file: str) -> bool:
    certificate, key, authority = (files.read_bytes(path) or b"" for path in (cert_file, key_file, paths.ETCD_CA))
    try:
        leaf, authorities = load.certificates(certificate)[0], load.certificates(authority)
        whole = load.private_key(key).public_key == leaf.public_key and CLIENT_AUTH in leaf.usages
    except Unreadable:
        return False
    return whole and leaf.not_before <= clock.now() < leaf.not_after and bool(load.anchors([leaf], authorities))


def external_etcd() -> list[Gateway]:
    """Return a gateway for each endpoint of an etcd that is not this node's own, as its API server uses it."""
    apiserver = static_pod.parse(files.read_text(f"{paths.MANIFESTS}/kube-apiserver.yaml") or "")
    if not apiserver.arguments or static_pod.uses_local_etcd(apiserver):
        return []
    identity = [apiserver.argument(f"etcd-{name}") for name in ("cafile", "certfile", "keyfile")]
    return [Gateway(url, *identity) for url in apiserver.argument("etcd-servers").split(",") if url]


def require_room(members: Sequence[Member], name: str, address: str) -> None:
    """Raise Refusal unless etcd can take another member now, or has this one already."""
    reason = "" if quorum.find(members, name, address) else quorum.why_not_add(members)
    if reason:
        raise Refusal(
            "etcd cannot take another member now",
            seen=reason,
            fix="bring the members named back, or remove them from the cluster, then run again",
            rule="etcd_quorum",
            details={"etcd_members": [member.as_dict() for member in members]},
        )


def members_without(members: Sequence[Member], name: str, address: str) -> list[Member]:
    """Return the members without a node's own; raises Refusal where it may not be removed now."""
    own = quorum.find(members, name, address)
    if own:
        _require_removable(members, own)
    return [member for member in members if member is not own]


def require_spare_member(others: Sequence[str] = ()) -> None:
    """Raise Refusal where etcd would not keep its quorum without this node's member.

    others: addresses of further members, which answer where this one serves a certificate that has lost its key.
    """
    gateway = local_etcd()
    if gateway is None:
        return
    manifest = static_pod.parse(files.read_text(f"{paths.MANIFESTS}/etcd.yaml") or "")
    members = _members([replace(gateway, url=url) for url in static_pod.etcd_urls(manifest, others)])
    own = manifest.argument("name")
    reason = quorum.why_not_stop(members, own)
    if reason:
        silent = any(member.name == own and not member.works for member in members)
        raise Refusal(
            "etcd cannot do without this node's member now",
            seen=reason,
            fix=f"bring the members named back, then run again{f'; {LOST}' if silent else ''}",
            rule="etcd_quorum",
            details={"etcd_members": [member.as_dict() for member in members]},
        )


def _members(gateways: Sequence[Gateway]) -> list[Member]:
    try:
        return first_answer(gateways)[0].members_with_health()
    except KubeopsError as error:
        what = "no member of etcd says whether the others could do without this node's"
        raise KubeopsError(what, error.seen, LOST, error.details) from error


def forget(api: ApiClient, etcd: Gateway | None, name: str, address: str) -> list[str]:
    """Remove a node's etcd member and Node object, and say what was removed.

    Raises Refusal, before anything is removed, when the members that remain would
    have no quorum.
    """
    removed = []
    members = etcd.members_with_health() if etcd else []
    member = quorum.find(members, name, address)
    if etcd and member:
        _require_removable(members, member)
        etcd.remove(member.id)
        removed.append(f"etcd member {member.name or member.id}")
    if api.delete(object_path("nodes", name)):
        removed.append(f"Node {name}")
    return removed


def forget_as_asked(api: ApiClient, etcd: Gateway | None, node: config.Node, what: str) -> list[str]:
    """Remove nothing, the Node object, or the etcd member too."""
    if what == "nothing":
        return []
    return forget(api, etcd if what == "member" else None, node.name, node.address)


def known(api: ApiClient, members: Sequence[Member], name: str, address: str) -> dict[str, Any]:
    """Return what the cluster knows of a node: its Node object and its etcd member."""
    return {
        "node": api.get(object_path("nodes", name)) is not None,
        "etcd_member": quorum.find(members, name, address) is not None,
    }


def _require_removable(members: Sequence[Member], member: Member) -> None:
    reason = quorum.why_not_remove(members, member.id)
    if reason:
        raise Refusal(
            f"etcd member {member.name or member.id} cannot be removed now",
            seen=reason,
            fix="bring the other members back first",
            rule="etcd_quorum",
            details={"etcd_members": [entry.as_dict() for entry in members]},
        )


def _revoke_certificates(api: ApiClient) -> bool:
    path = object_path("secrets", CERTIFICATES, NAMESPACE)
    secret = api.get(path)
    if secret is None:
        return False
    for owner in secret["metadata"].get("ownerReferences", []):
        api.delete(object_path("secrets", owner["name"], NAMESPACE))
    api.delete(path)
    return True
