# SPDX-License-Identifier: GPL-3.0-or-later
"""Asks etcd on a node over its gateway, with the node's own certificates."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from .cluster import Cluster

# With the standard library: nodes have neither curl nor, on their PATH, etcdctl.
_ASK = """
import ssl, sys, urllib.request
ca, certificate, key, path, body = sys.argv[1:]
context = ssl.create_default_context(cafile=ca)
context.load_cert_chain(certificate, key)
url = "https://127.0.0.1:2379" + path
print(urllib.request.urlopen(url, data=body.encode(), context=context, timeout=10).read().decode())
"""


@dataclass(frozen=True)
class Pki:
    """Paths on the node: CA, client certificate, its key."""

    ca: str
    certificate: str
    key: str


EXTERNAL = Pki("/etc/etcd/pki/ca.crt", "/etc/etcd/pki/client.crt", "/etc/etcd/pki/client.key")
STACKED = Pki(
    "/etc/kubernetes/pki/etcd/ca.crt",
    "/etc/kubernetes/pki/apiserver-etcd-client.crt",
    "/etc/kubernetes/pki/apiserver-etcd-client.key",
)


def ask(cluster: Cluster, host: str, pki: Pki, path: str, body: str = "{}") -> dict[str, object]:
    """The answer of the member on this host."""
    command = ["python3", "-c", _ASK, pki.ca, pki.certificate, pki.key, path, body]
    decoded = json.loads(cluster.sh(host, shlex.join(command)))
    assert isinstance(decoded, dict)
    return decoded


def assert_same_content(cluster: Cluster, hosts: Sequence[str], pki: Pki) -> None:
    """The hash of all keys at the same revision is the same on every member."""
    header = ask(cluster, hosts[0], pki, "/v3/kv/range", '{"key": "AA=="}')["header"]
    assert isinstance(header, dict)
    at = json.dumps({"revision": header["revision"]})
    hashes = {host: str(ask(cluster, host, pki, "/v3/maintenance/hashkv", at)["hash"]) for host in hosts}
    assert len(set(hashes.values())) == 1, hashes
