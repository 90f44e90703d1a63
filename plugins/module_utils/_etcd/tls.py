# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Says what is wrong with certificates when etcd and a client cannot agree on TLS."""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from .._core import http
from .._core.errors import KubeopsError

ALERT_SECONDS = 2.0
# What OpenSSL and Python say; what it means; what to do. {name} is an option, {url} the endpoint.
_MEANINGS = (
    (r"alert certificate expired", "etcd at {url} refused the client certificate: it has expired",
     "renew {cert_file}"),
    (r"alert (bad|unsupported|unknown|decrypt|certificate) ?(certificate|ca|required|unknown|error)",
     "etcd at {url} refused the client certificate",
     "name one of the CA that etcd trusts, not expired and with the usage clientAuth, in cert_file (now {cert_file})"),
    (r"certificate has expired", "the certificate of etcd at {url} has expired",
     "renew it (renew_certificates for the control planes, the role etcd for hosts of their own)"),
    (r"certificate is not yet valid", "the certificate of etcd at {url} is not valid yet", "see to the clocks"),
    (r"unable to get (local )?issuer|self.signed certificate", "the certificate of etcd at {url} is of another CA",
     "name etcd's CA in ca_file (now {ca_file})"),
    (r"(IP address|Hostname) mismatch", "the certificate of etcd at {url} is not valid for this name or address",
     "name an endpoint as the certificate has it, or issue it with this one"),
    (r"KEY_VALUES_MISMATCH", "key_file does not belong to cert_file", "name the key of {cert_file}, not {key_file}"),
    (r"NO_CERTIFICATE_OR_CRL_FOUND", "{ca_file} holds no PEM certificate", "name etcd's CA in ca_file"),
)  # fmt: skip


def explain(error: KubeopsError, url: str, files: Mapping[str, str]) -> KubeopsError:
    """The error in plain words where TLS is behind it, else the error itself. files: path by option."""
    for option, path in files.items():
        if path and not Path(path).is_file():
            return KubeopsError(f"{option} {path}: no such file", fix=f"name a PEM file of this host in {option}")
    seen = error.seen
    if re.search(r"BrokenPipe|ConnectionReset", seen):
        seen = _alert(url, files) or seen  # the alert was lost, because this side was still writing
    for pattern, what, fix in _MEANINGS:
        if re.search(pattern, seen):
            return KubeopsError(what.format(url=url, **files), seen, fix.format(url=url, **files), error.details)
    return error


def _alert(url: str, files: Mapping[str, str]) -> str:
    """Connect once more and only listen: what etcd says of the client certificate, empty where nothing."""
    parts = urlsplit(url)
    try:
        context = http.tls_context(files["ca_file"], files["cert_file"], files["key_file"], False)
        plain = socket.create_connection((parts.hostname or "", parts.port or 2379), ALERT_SECONDS)
        with plain, context.wrap_socket(plain, server_hostname=parts.hostname) as secured:
            secured.recv(1)
    except ssl.SSLError as error:
        return str(error)
    except OSError:
        return ""
    return ""
