# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Gets the kubelet a client certificate of the CA that signs now, through the cluster, as the kubelet itself does.

https://kubernetes.io/docs/reference/access-authn-authz/kubelet-tls-bootstrapping/
"""

from __future__ import annotations

import base64
import re
import time
from pathlib import Path

from .._core import clock, files
from .._core.errors import KubeopsError
from .._kubeadm import paths, probe
from .._kubeadm.api import ApiClient, object_path
from .._kubeadm.kubelet_api import as_kubelet
from .._x509 import issue, keep

SIGNER = "kubernetes.io/kube-apiserver-client-kubelet"
GROUP = "certificates.k8s.io/v1"
TIMEOUT = 120.0
POLL_SECONDS = 1.0
# kubeconfigs of kubeadm embed the first certificate; afterwards they name the file that is rotated.
_EMBEDDED = re.compile(r"client-(certificate|key)-data:.*")


def replace(path: str) -> None:
    """Replace the client certificate in use, or the one embedded in kubelet.conf by the name of the one in use."""
    if path == paths.KUBELET_CONF:
        text = _EMBEDDED.sub(rf"client-\1: {paths.KUBELET_CLIENT}", files.read_text(path) or "")
        _in_use_or_new()
        files.write_atomic(path, text, mode=0o600, backup=True)
    else:
        _install(_request())


def _in_use_or_new() -> None:
    if not Path(paths.KUBELET_CLIENT).exists():
        _install(_request())


def _request() -> bytes:
    """Return certificate and key, one PEM."""
    leaf = issue.Leaf(f"system:node:{probe.own_node_name()}", ("system:nodes",))
    key = issue.make_key("ecdsa-p256")
    with as_kubelet() as client:
        certificate = _signed(client, issue.make_csr(key, leaf))
    if not issue.same_key(key, certificate):
        raise KubeopsError("the cluster signed another key than the kubelet's", seen=issue.serial(certificate))
    return certificate + key


def _signed(client: ApiClient, csr: bytes) -> bytes:
    body = {
        "apiVersion": GROUP,
        "kind": "CertificateSigningRequest",
        "metadata": {"generateName": "csr-rotate-ca-"},
        "spec": {
            "request": base64.b64encode(csr).decode("ascii"),
            "signerName": SIGNER,
            "usages": ["digital signature", "client auth"],
        },
    }
    made = client.create(object_path("certificatesigningrequests", "", group=GROUP), body) or {}
    name = str(made.get("metadata", {}).get("name", ""))
    deadline = clock.monotonic() + TIMEOUT
    while True:
        seen = client.get(object_path("certificatesigningrequests", name, group=GROUP)) or {}
        signed = seen.get("status", {}).get("certificate", "")
        if signed:
            return base64.b64decode(signed)
        if clock.monotonic() > deadline:
            raise KubeopsError(
                f"the cluster did not sign the kubelet's request {name} within {TIMEOUT:g} s",
                seen=str(seen.get("status", {}).get("conditions", "nobody approved it"))[:500],
                fix="bind system:nodes to system:certificates.k8s.io:certificatesigningrequests:selfnodeclient, as "
                "kubeadm does, or approve it; then run again",
            )
        time.sleep(POLL_SECONDS)


def _install(pem: bytes) -> None:
    """Named as the kubelet names them; the link moves in one step."""
    directory = Path(paths.KUBELET_CLIENT).parent
    target = directory / f"kubelet-client-{clock.now():%Y-%m-%d-%H-%M-%S}.pem"
    files.write_atomic(str(target), pem, keep.KEY_MODE)
    link = directory / ".kubelet-client-current.kubeops"
    link.unlink(missing_ok=True)
    link.symlink_to(target)
    link.replace(paths.KUBELET_CLIENT)
    files.sync_directory(str(directory))
