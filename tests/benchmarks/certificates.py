# SPDX-License-Identifier: GPL-3.0-or-later
"""cert_check of a control plane beside kubeadm's own check and a looped play, and of ever more certificates.

The looped play needs community.crypto, and the goal is measured against it. Install that in a directory of its own, and
name the directory:

    ansible-galaxy collection install -p /tmp/crypto community.crypto
    KUBEOPS_BENCH_CRYPTO=/tmp/crypto make bench ARGS=certificates
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from datetime import datetime, timedelta, timezone
from importlib import import_module
from pathlib import Path
from typing import Any

from tests.e2e.cluster import REPO, Cluster
from tests.e2e.conftest import wanted_versions, why_not
from tools import paths

from .table import Row, render

ROUNDS = int(os.environ.get("KUBEOPS_BENCH_ROUNDS", "5"))
# A directory of collections that holds community.crypto; empty leaves the looped play out.
CRYPTO = os.environ.get("KUBEOPS_BENCH_CRYPTO", "")
GOAL = 0.1
NOTHING = "one task that does nothing"  # what any way takes before it begins
X509 = "ansible_collections.kubeops.cluster.plugins.module_utils._x509"
SIZES = (1250, 2500, 5000, 10000)
LIMIT_CERTIFICATES, LIMIT_SECONDS, LIMIT_MIB = 10000, 15.0, 500
LOOP = """
- hosts: cp1
  gather_facts: false
  tasks:
    - community.crypto.x509_certificate_info:
        path: "{{ item }}"
      loop: "{{ certificates }}"
    - ansible.builtin.slurp:
        path: "{{ item }}"
      loop: "{{ kubeconfigs }}"
      register: read
      no_log: true
    - community.crypto.x509_certificate_info:
        content: "{{ (item.content | b64decode | from_yaml).users[0].user['client-certificate-data'] | b64decode }}"
      loop: "{{ read.results }}"
      no_log: true
"""
# Names a file instead, one of the certificates.
WITHOUT_DATA = "/etc/kubernetes/kubelet.conf"


def adhoc(module: str, arguments: str = "") -> list[str]:
    return ["ansible", "cp1", "-m", module, "-a", arguments]


def seconds(cluster: Cluster, command: list[str], environment: dict[str, str]) -> float:
    program = str(Path(sys.executable).with_name(command[0]))
    started = time.monotonic()
    subprocess.run(
        [program, "-i", str(cluster.inventory), *command[1:]],
        cwd=REPO, env=environment, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    return time.monotonic() - started


def files(cluster: Cluster) -> dict[str, list[str]]:
    """The files that hold the certificates cert_check finds: what the looped play reads."""
    program = str(Path(sys.executable).with_name("ansible"))
    environment = {**cluster.environment, "ANSIBLE_CALLBACK_RESULT_FORMAT": "json"}
    done = subprocess.run(
        [program, "-i", str(cluster.inventory), *adhoc("kubeops.cluster.cert_check")[1:]],
        cwd=REPO, env=environment, check=True, stdin=subprocess.DEVNULL, capture_output=True, text=True,
    )  # fmt: skip
    found = json.loads(done.stdout.partition("=> ")[2])["certificates"]
    of_form = {form: [row["path"] for row in found if row["form"] == form] for form in ("certificate", "kubeconfig")}
    with_data = [path for path in of_form["kubeconfig"] if path != WITHOUT_DATA]
    return {"certificates": of_form["certificate"], "kubeconfigs": with_data}


def of_a_control_plane(cluster: Cluster) -> None:
    """Wall time of each way, in turn, start of Ansible included."""
    environment = cluster.environment
    read = files(cluster)
    ways = {
        "kubeadm certs check-expiration": adhoc("ansible.builtin.command", "kubeadm certs check-expiration"),
        "cert_check, ports asked too": adhoc("kubeops.cluster.cert_check"),
        NOTHING: adhoc("ansible.builtin.command", "true"),
    }
    with tempfile.TemporaryDirectory() as scratch:
        if CRYPTO:
            play = Path(scratch, "loop.yml")
            play.write_text(LOOP)
            looped = ["ansible-playbook", str(play), "-e", json.dumps(read)]
            count = sum(map(len, read.values()))
            ways = {f"x509_certificate_info, loop over {count} files": looped, **ways}
            environment = {
                **environment,
                "ANSIBLE_COLLECTIONS_PATH": f"{environment['ANSIBLE_COLLECTIONS_PATH']}:{CRYPTO}",
            }
        taken: dict[str, list[float]] = {name: [] for name in ways}
        for __ in range(ROUNDS):
            for name, command in ways.items():
                taken[name].append(seconds(cluster, command, environment))
    goals = {"cert_check, ports asked too": GOAL if CRYPTO else None}
    rows = [Row(name, each, goals.get(name)) for name, each in taken.items()]
    print(render("certificates of a control plane (seconds, start of ansible included)", rows))
    middle = {row.name: row.middle - rows[-1].middle for row in rows}
    beyond = ", ".join(f"{name}: {taken:.2f} s" for name, taken in list(middle.items())[:-1])
    print(f"  beyond a task that does nothing: {beyond}")
    if not CRYPTO:
        print("LEFT OUT: the loop of x509_certificate_info, and with it the goal. Fix: set KUBEOPS_BENCH_CRYPTO")


def measure(size: int) -> dict[str, float]:
    """Processor seconds and MiB at most of a check of so many certificates in one directory."""
    check, issue = import_module(f"{X509}.check"), import_module(f"{X509}.issue")
    now = datetime.now(timezone.utc)
    with tempfile.TemporaryDirectory() as directory:
        write(issue, Path(directory), size, now)
        started = time.process_time()
        found = check.check(options(directory), now)
        taken = time.process_time() - started
    assert sum(found["counts"].values()) >= size, found["counts"]
    return {"seconds": taken, "mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def write(issue: Any, directory: Path, size: int, now: datetime) -> None:
    key = issue.make_key("ecdsa-p256")
    authority = issue.make_ca(key, "kubernetes", now, timedelta(days=3650))
    for number in range(size):
        leaf = issue.Leaf(f"client-{number}", ("group",), (f"client-{number}.example.com",), ("192.0.2.1",))
        request = issue.make_csr(key, leaf)
        signed = issue.sign(request, leaf, authority, key, now, timedelta(days=365))
        (directory / f"{number}.crt").write_bytes(signed)


def options(directory: str) -> dict[str, Any]:
    words = {"warning": "30d,10%", "critical": "7d,3%", "ca_warning": "365d,10%"}
    empty: dict[str, Any] = {
        "groups": [],
        "endpoints": [],
        "api_server_names": [],
        "node_addresses": [],
        "served": False,
        "timeout": 3.0,
    }
    return {**words, **empty, "paths": [directory], "reference_time": 0.0, "max_clock_offset": 60.0}


def of_many() -> None:
    """A line for each size, each in a process of its own."""
    environment = {**os.environ, "PYTHONPATH": str(paths.COLLECTIONS)}
    for size in SIZES:
        command = [sys.executable, "-m", "tests.benchmarks.certificates", str(size)]
        done = subprocess.run(command, cwd=paths.ROOT, env=environment, capture_output=True, text=True, check=True)
        found = json.loads(done.stdout)
        each = 1e6 * found["seconds"] / size
        print(f"cert_check {size:>6} files {found['seconds']:6.2f} s {each:6.0f} us a file {found['mib']:5.0f} MiB")
        if size == LIMIT_CERTIFICATES and (found["seconds"] > LIMIT_SECONDS or found["mib"] > LIMIT_MIB):
            print(f"  over the limit of {LIMIT_SECONDS} s and {LIMIT_MIB} MiB")


def main() -> None:
    of_many()
    reason = why_not()
    if reason:
        print(f"certificates of a control plane: skipped, {reason}")
        return
    cluster = Cluster("certbench", wanted_versions()[-1])
    cluster.up("cp1:control_plane")
    try:
        run = cluster.run()
        if run.rc:
            raise RuntimeError(run.tail())
        of_a_control_plane(cluster)
    finally:
        cluster.remove()


if __name__ == "__main__":
    print(json.dumps(measure(int(sys.argv[1]))))
