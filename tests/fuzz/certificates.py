# SPDX-License-Identifier: GPL-3.0-or-later
"""Seeds, mutations and the loop that counts what parsers do with them."""

from __future__ import annotations

import base64
import random
import resource
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone

from ansible_collections.kubeops.cluster.plugins.module_utils._core.errors import KubeopsError
from ansible_collections.kubeops.cluster.plugins.module_utils._kubeadm import static_pod
from ansible_collections.kubeops.cluster.plugins.module_utils._x509 import etcd_unit, issue, kubeconfig, load, observe
from ansible_collections.kubeops.cluster.plugins.module_utils._x509.model import Unreadable

HANG_SECONDS = 1.0
TOKENS = (
    *(b"-----BEGIN CERTIFICATE-----", b"-----END CERTIFICATE-----", b"-----", b"\n", b"\0", b"\xff\xff\xff\xff"),
    *(b"\x30\x80", b"\x30\x84\xff\xff\xff\xff", b"\x02\x01\x00", b": ", b"- ", b"{", b"[", b'"', b"'", b"|\n", b"&a "),
    *(b"Proc-Type: 4,ENCRYPTED\n\n", b"client-certificate-data: ", b"=" * 8, b" " * 64),
)
UNIT = b"""[Service]
User=etcd
Environment="ETCD_CERT_FILE=/pki/server.crt" PKI=/pki
EnvironmentFile=-/etc/etcd/etcd.env
ExecStart=/usr/bin/etcd --name e1 \\
  --key-file=${PKI}/server.key --client-cert-auth
"""
UNIT_WITH_FILE = b"ExecStart=/usr/bin/etcd --config-file=/etc/etcd/etcd.yaml\n"
SETTINGS = b"""name: e1
listen-client-urls: https://192.0.2.1:2379
client-transport-security:
  cert-file: /pki/server.crt
  client-cert-auth: true
peer-transport-security:
  cert-file: /pki/peer.crt
"""
MANIFEST = b"""apiVersion: v1
kind: Pod
spec:
  containers:
  - command:
    - kube-apiserver
    - --client-ca-file=/etc/kubernetes/pki/ca.crt
    - "--service-account-key-file=/etc/kubernetes/pki/sa.pub"
    image: registry.k8s.io/kube-apiserver:v1.36.3
    name: kube-apiserver
"""
KUBELET = b"""apiVersion: kubelet.config.k8s.io/v1beta1
authentication:
  x509:
    clientCAFile: /etc/kubernetes/pki/ca.crt
clusterDomain: cluster.local
kind: KubeletConfiguration
port: 10250
serverTLSBootstrap: true
"""


@dataclass
class Report:
    """What a run did."""

    inputs: int = 0
    seconds: float = 0.0
    slowest: float = 0.0
    memory_before_mib: float = 0.0
    memory_after_mib: float = 0.0
    outcomes: Counter[str] = field(default_factory=Counter)
    crashes: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        lines = [
            f"{self.inputs} inputs in {self.seconds:.0f} s ({self.inputs / self.seconds:.0f}/s), "
            f"slowest {1000 * self.slowest:.1f} ms, "
            f"peak memory {self.memory_before_mib:.0f} -> {self.memory_after_mib:.0f} MiB, {len(self.crashes)} crashes",
            *(f"  {name:<32} {count}" for name, count in sorted(self.outcomes.items())),
            *self.crashes[:10],
        ]
        return "\n".join(lines)


@dataclass(frozen=True)
class Parser:
    """A parser under its name with inputs that it reads."""

    name: str
    parse: Callable[[bytes], object]
    seeds: tuple[bytes, ...]


def parsers() -> list[Parser]:
    now = datetime.now(timezone.utc)
    ca_key = issue.make_key("ecdsa-p256")
    authority = issue.make_ca(ca_key, "kubernetes", now, timedelta(days=3650))
    leaf = issue.Leaf("kube-apiserver", ("system:masters",), ("kubernetes.default",), ("10.96.0.1", "fd00::1"))
    pairs = [
        issue.issue(leaf, authority, ca_key, now, timedelta(days=365), kind) for kind in ("rsa-2048", "ecdsa-p256")
    ]
    keys, pems = [key for key, __ in pairs], [pem for __, pem in pairs]
    ders = [certificate.der for certificate in load.certificates(pems[0] + pems[1] + authority)]
    request = issue.make_csr(keys[1], leaf)
    return [
        Parser("PEM", load.certificates, (*pems, pems[0] + authority, b"text\n" + pems[1])),
        Parser("DER", load.certificates, tuple(ders)),
        Parser("key", load.private_key, (*keys, pems[1] + keys[1])),
        Parser("CSR", load.request, (request, _der(request))),
        Parser("kubeconfig", kubeconfig.parse, (_kubeconfig(authority, pems[1], keys[1]),)),
        Parser("etcd unit", lambda data: _unit(data, data), (UNIT,)),
        Parser("answer", lambda data: _answer(data, authority, keys[1]), (*pems, pems[0] + authority)),
        Parser("answered request", issue.leaf_of_csr, (request,)),
        Parser("static pod", lambda data: static_pod.parse(_text(data)), (MANIFEST,)),
        Parser("kubelet", lambda data: observe.kubelet(_text(data)), (KUBELET,)),
        Parser("etcd settings", lambda data: _unit(UNIT_WITH_FILE, data), (SETTINGS,)),
    ]


def _unit(unit: bytes, file: bytes) -> object:
    """What of a unit is read where every file that it names holds this."""
    return etcd_unit.parse(_text(unit), lambda _path: _text(file))


def _answer(data: bytes, authority: bytes, key: bytes) -> object:
    """Everything that is asked of a certificate that a CA's holder, or the cluster, gave back."""
    issued = issue.is_issued_by(data, authority), issue.same_key(key, data)
    return issue.leaf_of(data), issue.validity(data), issue.key_type(data), issued


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def run(inputs: int, seed: int = 0) -> Report:
    """Feed every parser in turn with mutations of its seeds."""
    chance = random.Random(seed)
    report = Report(memory_before_mib=_memory())
    known = parsers()
    started = time.monotonic()
    for number in range(inputs):
        parser = known[number % len(known)]
        _one(parser, mutated(chance, chance.choice(parser.seeds)), report)
    report.inputs, report.seconds = inputs, time.monotonic() - started
    report.memory_after_mib = _memory()
    return report


def mutated(chance: random.Random, seed: bytes) -> bytes:
    """One to eight changes: flipped bits, cut and doubled parts, tokens that mean something."""
    data = bytearray(seed)
    for __ in range(chance.choice((1, 1, 1, 2, 3, 8))):
        where = chance.randrange(len(data) + 1)
        kind = chance.randrange(6)
        if kind == 0 and where < len(data):
            data[where] ^= 1 << chance.randrange(8)
        elif kind == 1 and where < len(data):
            data[where] = chance.randrange(256)
        elif kind == 2:
            del data[where : where + chance.choice((1, 4, 64, 4096))]
        elif kind == 3:
            data[where:where] = data[where : where + chance.choice((1, 16, 1024))]
        elif kind == 4:
            data[where:where] = chance.choice(TOKENS)
        else:
            data[where : where + 4] = chance.randbytes(4)
    return bytes(data)


def _one(parser: Parser, data: bytes, report: Report) -> None:
    # Of the processor: a busy machine is no hang.
    started = time.process_time()
    try:
        parser.parse(data)
        outcome = "read"
    except Unreadable as error:
        outcome = error.problem
    except KubeopsError:
        outcome = "refused"
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        outcome = "CRASH"
        report.crashes.append(f"{parser.name}: {type(error).__name__}: {error}: {data.hex()}")
    took = time.process_time() - started
    if took > HANG_SECONDS:
        report.crashes.append(f"{parser.name}: {took:.1f} s: {data.hex()}")
    report.slowest = max(report.slowest, took)
    report.outcomes[f"{parser.name}: {outcome}"] += 1


def _memory() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _der(pem: bytes) -> bytes:
    return base64.b64decode(b"".join(pem.splitlines()[1:-1]))


def _kubeconfig(authority: bytes, certificate: bytes, key: bytes) -> bytes:
    data = [base64.b64encode(part).decode() for part in (authority, certificate, key)]
    return f"""apiVersion: v1
clusters:
- cluster:
    certificate-authority-data: {data[0]}
    server: https://192.0.2.1:6443
  name: kubernetes
contexts:
- context:
    cluster: kubernetes
    user: kubernetes-admin
  name: kubernetes-admin@kubernetes
current-context: kubernetes-admin@kubernetes
kind: Config
preferences: {{}}
users:
- name: kubernetes-admin
  user:
    client-certificate-data: {data[1]}
    client-key-data: {data[2]}
""".encode()
