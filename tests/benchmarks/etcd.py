# SPDX-License-Identifier: GPL-3.0-or-later
"""etcd_snapshot over a database of more than 1 GiB, against etcdctl and etcdutl on the same data.

The database is made once, in .build/bench/etcd.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass, field
from http.client import HTTPSConnection
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tools import paths

from .table import Row, render

UTILS = "ansible_collections.kubeops.cluster.plugins.module_utils"
FOLDER = paths.BUILD / "bench" / "etcd"
MIB = 1200
VALUE = 4000  # bytes; what objects of Kubernetes have, more or less
PUTS = 256  # in one transaction
ROUNDS = 3
LIMITS = ("--quota-backend-bytes=6000000000", f"--max-txn-ops={PUTS}")
GOAL_RATIO, GOAL_MIB = 1.1, 64


@dataclass
class Measured:
    """Seconds of each round, and the most memory of any."""

    seconds: list[float] = field(default_factory=list)
    mib: float = 0.0

    def run(self, *argv: str, env: dict[str, str] | None = None) -> None:
        """Run a command to its end."""
        started = time.monotonic()
        process = subprocess.Popen(argv, cwd=paths.ROOT, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        assert process.stderr
        said = process.stderr.read()
        __, status, used = os.wait4(process.pid, 0)
        assert status == 0, said.decode()
        self.seconds.append(time.monotonic() - started)
        self.mib = max(self.mib, used.ru_maxrss / 1024)


def fill(cluster: Any) -> None:
    """Write until the database has its size."""
    url, options = urlsplit(cluster.members[0].url), cluster.authority.options()
    context = import_module(f"{UTILS}._core.http").tls_context(*options.values(), False)
    connection = HTTPSConnection(str(url.hostname), url.port, context=context)
    number = 0
    while int(cluster.gateway().status()["dbSize"]) < MIB * 2**20:
        for __ in range(20):
            keys = (b"/registry/pods/ns-%03d/pod-%07d" % (n % 100, n) for n in range(number, number + PUTS))
            puts = [{"requestPut": {"key": _base64(key), "value": _base64(os.urandom(VALUE))}} for key in keys]
            connection.request("POST", "/v3/kv/txn", json.dumps({"success": puts}))
            answer = connection.getresponse()
            assert answer.status == 200, answer.read()
            answer.read()
            number += PUTS


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def take(options: dict[str, Any]) -> None:
    """Take a snapshot as the module does; in a process of its own."""
    keep, gateway = import_module(f"{UTILS}._etcd.keep"), import_module(f"{UTILS}._etcd.gateway")
    source = gateway.Gateway(options["url"], **options["tls"])
    reached, chosen = keep.choose([source], "")
    keep.take(reached, chosen, keep.Request(options["directory"], "bench", "manual"))


def verify(options: dict[str, Any]) -> None:
    """Read a snapshot whole."""
    import_module(f"{UTILS}._etcd.packed").check(options["path"])


def prove(options: dict[str, Any]) -> None:
    """Start an etcd on a snapshot and compare."""
    runner, snapshot = import_module(f"{UTILS}._core.runner"), import_module(f"{UTILS}._etcd.snapshot")
    programs, proof = import_module(f"{UTILS}._etcd.programs"), import_module(f"{UTILS}._etcd.prove")
    source = programs.Source(runner.Runner(runner.Programs()), options["bin_dir"])
    manifest = snapshot.read_manifest(options["path"])
    proof.prove(options["path"], manifest["revision"], manifest, source, "")


def _own(name: str, options: dict[str, Any]) -> list[str]:
    return [sys.executable, "-m", "tests.benchmarks.etcd", name, json.dumps(options)]


def compare(cluster: Any, programs: Path) -> None:
    """Both sides, in turns."""
    tls, url, directory = cluster.authority.options(), cluster.members[0].url, FOLDER / "snapshots"
    environment = {**os.environ, "PYTHONPATH": str(paths.COLLECTIONS)}
    etcdctl = {
        **environment, "ETCDCTL_ENDPOINTS": url, "ETCDCTL_CACERT": tls["ca_file"], "ETCDCTL_CERT": tls["cert_file"],
        "ETCDCTL_KEY": tls["key_file"],
    }  # fmt: skip
    theirs, ours, whole, restored, proven = Measured(), Measured(), Measured(), Measured(), Measured()
    for __ in range(ROUNDS):
        subprocess.run(["rm", "-rf", str(directory), str(FOLDER / "restored"), str(FOLDER / "x.db")], check=True)
        theirs.run(str(programs / "etcdctl"), "snapshot", "save", str(FOLDER / "x.db"), env=etcdctl)
        (FOLDER / "x.db").unlink()
        ours.run(*_own("take", {"url": url, "tls": tls, "directory": str(directory)}), env=environment)
        path = str(next(directory.glob("*.db")))
        whole.run(*_own("verify", {"path": path}), env=environment)
        restored.run(str(programs / "etcdutl"), "snapshot", "restore", path, f"--data-dir={FOLDER / 'restored'}")
        subprocess.run(["rm", "-rf", str(FOLDER / "restored")], check=True)
        proven.run(*_own("prove", {"path": path, "bin_dir": str(programs)}), env=environment)
    rows = [
        Row("etcdctl snapshot save", theirs.seconds),
        Row("etcd_snapshot: save and verify", ours.seconds, GOAL_RATIO),
        Row("etcd_snapshot state=verified: every element", whole.seconds),
    ]
    print(render(f"etcd, {Path(path).stat().st_size / 2**30:.2f} GiB, {ROUNDS} rounds", rows))
    verdict = "met" if max(ours.mib, whole.mib) <= GOAL_MIB else "MISSED"
    print(f"  peak memory: save {ours.mib:.0f} MiB, verify {whole.mib:.0f} MiB; goal <= {GOAL_MIB}: {verdict}")
    print(render("proof", [Row("etcdutl snapshot restore", restored.seconds), Row("prove", proven.seconds)]))


def main() -> None:
    """Print the tables."""
    # Importable only where PYTHONPATH leads to the collection.
    sys.path.insert(0, str(paths.COLLECTIONS))
    embedded = import_module("tests.embedded_etcd")
    if not embedded.binaries():
        print("etcd: skipped, neither a bundle nor PATH has one")
        return
    FOLDER.mkdir(parents=True, exist_ok=True)
    binary = embedded.binaries()[-1]
    cluster = embedded.EtcdCluster.make(FOLDER, [binary], more=LIMITS)
    try:
        cluster.start()
        fill(cluster)
        compare(cluster, binary.parent)
    finally:
        cluster.stop()


if __name__ == "__main__":
    {"take": take, "verify": verify, "prove": prove}[sys.argv[1]](json.loads(sys.argv[2]))
