# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads the few fields we need from kubeconfigs and kubelet files (pure)."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field

from .._core.errors import KubeopsError

_SERVER = re.compile(r"^(\s+server:[ \t]*)(\S+)", re.MULTILINE)
_KUBEADM_USER = re.compile(r"system:node:([a-z0-9.-]+)")
_HEALTHZ = re.compile(r"^healthz(?P<key>BindAddress|Port):\s*(?P<value>\S+)", re.MULTILINE)
_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----(.+?)-----END CERTIFICATE-----", re.DOTALL)
_NODE_SUBJECT = b"system:node:"
_FIELD = r"^\s+{name}:\s*(\S+)"


@dataclass(frozen=True)
class Identity:
    """How a kubeconfig authenticates: one PEM with certificate and key, or where it lies.

    Attributes:
        pem: embedded certificate and key; empty when they are in files. Secret.
        cert_file: path of the certificate when it is not embedded.
        key_file: path of the key when it is not embedded.
    """

    pem: str = field(default="", repr=False)
    cert_file: str = ""
    key_file: str = ""

    def __bool__(self) -> bool:
        return bool(self.pem or (self.cert_file and self.key_file))


def server(kubeconfig: str) -> str:
    """Return the API server URL of the (first) cluster."""
    match = _SERVER.search(kubeconfig)
    return match[2] if match else ""


def with_server(kubeconfig: str, url: str) -> str:
    """Return the kubeconfig with another API server URL for the (first) cluster."""
    return _SERVER.sub(lambda match: match[1] + url, kubeconfig, count=1)


def identity(kubeconfig: str, path: str) -> Identity:
    """Return the client certificate of the (first) user; path is where it was read, for what is wrong with it."""
    embedded = [_decoded(kubeconfig, f"client-{part}-data", path) for part in ("certificate", "key")]
    if all(embedded):
        return Identity(pem="\n".join(embedded))
    return Identity(cert_file=_field(kubeconfig, "client-certificate"), key_file=_field(kubeconfig, "client-key"))


def certificate_authority(kubeconfig: str, path: str) -> str:
    """Return the embedded CA certificates as PEM, empty when they are in a file; path as for identity."""
    return _decoded(kubeconfig, "certificate-authority-data", path)


def node_name(kubelet_conf: str, client_pem: str) -> str:
    """Return the Node name this kubelet authenticates as, empty when unknown.

    The client certificate decides; kubeadm init also writes the name as the user
    of ``kubelet.conf``, which serves until the kubelet has a certificate file.
    """
    from_certificate = _name_in_certificate(client_pem)
    if from_certificate:
        return from_certificate
    match = _KUBEADM_USER.search(kubelet_conf)
    return match[1] if match else ""


def kubelet_health_url(kubelet_config: str) -> str:
    """Return the kubelet's health URL from its configuration file."""
    values = {match["key"]: match["value"].strip("\"'") for match in _HEALTHZ.finditer(kubelet_config)}
    address = values.get("BindAddress", "127.0.0.1")
    host = f"[{address}]" if ":" in address else address
    return f"http://{host}:{values.get('Port', '10248')}/healthz"


def _decoded(text: str, name: str, path: str) -> str:
    try:
        return base64.b64decode(_field(text, name)).decode("ascii")
    except ValueError:
        # Without its cause, which would quote a key.
        raise KubeopsError(
            f"{name} in {path} is no PEM in base64",
            fix="put it back from a backup, or make it anew (of files, kubeadm init phase kubeconfig does)",
        ) from None


def _field(text: str, name: str) -> str:
    match = re.search(_FIELD.format(name=name), text, re.MULTILINE)
    return match[1].strip("\"'") if match else ""


def _name_in_certificate(pem: str) -> str:
    """Find the common name: DER writes its length in the byte before the text."""
    match = _CERTIFICATE.search(pem)
    if not match:
        return ""
    try:
        der = base64.b64decode(match[1])
    except ValueError:  # of what is no ASCII too
        return ""
    start = der.find(_NODE_SUBJECT)
    if start < 1:
        return ""
    common_name = der[start : start + der[start - 1]]
    return common_name[len(_NODE_SUBJECT) :].decode("ascii", "replace")
