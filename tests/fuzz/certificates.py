# SPDX-License-Identifier: GPL-3.0-or-later
"""Seeds, mutations and the loop that counts what parsers do with them."""

from __future__ import annotations

import base64
import random
import resource
import signal
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import cryptography
from ansible_collections.kubeops.cluster.plugins.module_utils._core.errors import KubeopsError
from ansible_collections.kubeops.cluster.plugins.module_utils._kubeadm import kubeconfig as fields
from ansible_collections.kubeops.cluster.plugins.module_utils._kubeadm import static_pod
from ansible_collections.kubeops.cluster.plugins.module_utils._x509 import (
    etcd_unit,
    extra,
    issue,
    kubeconfig,
    load,
    observe,
    renewal,
)
from ansible_collections.kubeops.cluster.plugins.module_utils._x509.model import Unreadable
from cryptography.hazmat.primitives import serialization

# Of the processor: a busy machine is no hang.
HANG_SECONDS = 5.0
# A library that never returns lets no handler of ours run; then this ends the process.
STUCK_SECONDS = 120
# What a whole run may add to the peak. Inputs have a few KiB, so this is what parsers keep, or one of them multiplies.
GROWTH_MIB = 64
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
UNIT_OF_SHELL = b"""EnvironmentFile=/etc/etcd/etcd.env
ExecStart=/bin/bash -c "GOMAXPROCS=$(nproc) /usr/bin/etcd --name=\\"${ETCD_NAME}\\" && true"
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
# Both kinds that kubeadm leaves on a node: with names of files, and with the user that carries the Node's name.
KUBELET_CONF = b"""apiVersion: v1
clusters:
- cluster:
    certificate-authority-data: YWJj
    server: "https://[fd00::1]:6443"
  name: kubernetes
users:
- name: system:node:worker-1.example.com
  user:
    client-certificate: /var/lib/kubelet/pki/kubelet-client-current.pem
    client-key: /var/lib/kubelet/pki/kubelet-client-current.pem
"""
# As people write them: flow collections, values over several lines, marks of a document.
BY_HAND = b"""--- # mine
clusters: [{name: a, cluster: {server: https://192.0.2.1:6443, certificate-authority-data: YWJj}}]
contexts: []
users:
- name: eks
  user:
    exec: {command: aws, args: [eks, get-token, "--region", 'eu-1'
      ], env: null}
- {name: b, user: {client-certificate-data: YWJj, client-key-data: "YWJj
  YWJj"}}
- name: c
  user:
    client-certificate-data: YWJj
      YWJj
...
"""
KUBELET = b"""apiVersion: kubelet.config.k8s.io/v1beta1
authentication:
  x509:
    clientCAFile: /etc/kubernetes/pki/ca.crt
clusterDomain: cluster.local
healthzBindAddress: "::1"
healthzPort: 10248
kind: KubeletConfiguration
port: 10250
serverTLSBootstrap: true
"""


class Hang(BaseException):
    """A parser took too long. No Exception, so that no parser takes it for a defect of its input."""


@dataclass
class Report:
    """What a run did.

    breaches: crashes and hangs by the line that let them through, and memory beyond its bound.
    examples: the first input of each, as hexadecimal digits.
    """

    parsers: int = 0
    inputs: int = 0
    seed: int = 0
    seconds: float = 0.0
    slowest: float = 0.0
    memory_before_mib: float = 0.0
    memory_after_mib: float = 0.0
    outcomes: Counter[str] = field(default_factory=Counter)
    breaches: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return "\n".join(
            [
                *(f"  {name:<40} {count}" for name, count in sorted(self.outcomes.items())),
                *(f"{count} times {name}: {self.examples.get(name, '')}" for name, count in self.breaches.items()),
                f"{self.parsers} parsers, {self.inputs} inputs, seed {self.seed}, "
                f"cryptography {cryptography.__version__}: {self.seconds:.0f} s, slowest input "
                f"{1000 * self.slowest:.0f} ms (bound {1000 * HANG_SECONDS:.0f}), peak memory "
                f"{self.memory_before_mib:.0f} -> {self.memory_after_mib:.0f} MiB (bound +{GROWTH_MIB}), "
                f"{sum(self.breaches.values())} breaches",
            ]
        )


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
    kubelet = issue.issue(replace(leaf, common_name="system:node:w1"), authority, ca_key, now, timedelta(days=1))[1]
    admin = _kubeconfig(authority, pems[1], keys[1])
    return [
        Parser("PEM", load.certificates, (*pems, pems[0] + authority, b"text\n" + pems[1])),
        Parser("DER", load.certificates, tuple(ders)),
        Parser("key", load.private_key, (*keys, pems[1] + keys[1])),
        Parser("CSR", load.request, (request, _der(request))),
        Parser("public key", load.public_keys, (_public(keys[0]), _public(keys[0]) + _public(keys[1]))),
        # Few RSA keys: their primes are tested, for 0.1 s.
        Parser("key that signs", lambda data: _key(data, authority, now), (*[ca_key, keys[1]] * 8, keys[0])),
        Parser("kubeconfig", kubeconfig.parse, (admin, KUBELET_CONF, BY_HAND)),
        Parser("fields of kubelet files", lambda data: _fields(_text(data)), (admin, KUBELET_CONF, KUBELET, kubelet)),
        Parser("kubeconfig to renew", renewal.embedded, (admin, KUBELET_CONF)),
        Parser("form", _forms, (admin, *pems, *keys, SETTINGS)),
        Parser("etcd unit", lambda data: _unit(data, data), (UNIT, UNIT_OF_SHELL)),
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


def _key(data: bytes, authority: bytes, now: datetime) -> object:
    """What is asked of a key before it signs, and of one beside its certificate."""
    issue.require_able(authority, data, now)
    return issue.same_key(data, authority)


def _fields(text: str) -> object:
    found = fields.server(text), fields.kubelet_health_url(text), fields.node_name(text, text)
    return found, fields.certificate_authority(text, "any"), fields.identity(text, "any")


def _forms(data: bytes) -> list[str]:
    return [extra.form_of(path, data) for path in ("/pki/any", "/pki/a.pem", "/pki/a.key", "/root/.kube/config")]


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def run(inputs: int, seed: int = 0, last_input: Path | None = None) -> Report:
    """Feed every parser in turn with mutations of its seeds.

    last_input: file that holds the input being read, for what kills the process itself.
    """
    chance = random.Random(seed)
    known = parsers()
    report = Report(len(known), inputs, seed, memory_before_mib=_memory())
    started = time.monotonic()
    with _watchdog():
        for number in range(inputs):
            parser = known[number % len(known)]
            data = mutated(chance, chance.choice(parser.seeds))
            if last_input:
                last_input.write_bytes(data)
                signal.alarm(STUCK_SECONDS)
            _one(parser, data, report)
    signal.alarm(0)
    report.seconds, report.memory_after_mib = time.monotonic() - started, _memory()
    if report.memory_after_mib > report.memory_before_mib + GROWTH_MIB:
        report.breaches[f"memory grew by more than {GROWTH_MIB} MiB"] += 1
    return report


@contextmanager
def _watchdog() -> Iterator[None]:
    """Interrupt whatever runs when the timer of an input (_one) ends."""

    def interrupt(*_: object) -> None:
        raise Hang

    before = signal.signal(signal.SIGPROF, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGPROF, before)


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
    started = time.process_time()
    signal.setitimer(signal.ITIMER_PROF, HANG_SECONDS)
    try:
        parser.parse(data)
        outcome = "read"
    except Unreadable as error:
        outcome = error.problem
    except KubeopsError:
        outcome = "refused"
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        outcome = "HANG" if isinstance(error, Hang) else "CRASH"
        _breach(report, f"{parser.name}: {type(error).__name__} at {_where(error)}", data)
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    report.slowest = max(report.slowest, time.process_time() - started)
    report.outcomes[f"{parser.name}: {outcome}"] += 1


def _breach(report: Report, name: str, data: bytes) -> None:
    report.breaches[name] += 1
    report.examples.setdefault(name, data.hex())


def _where(error: BaseException) -> str:
    """The line of ours that raised, or that called what did."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "/plugins/" in frame.filename]
    return f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "the harness"


def _memory() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _der(pem: bytes) -> bytes:
    return base64.b64decode(b"".join(pem.splitlines()[1:-1]))


def _public(key: bytes) -> bytes:
    public = serialization.load_pem_private_key(key, password=None).public_key()
    return public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


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
