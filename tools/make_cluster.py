# SPDX-License-Identifier: GPL-3.0-or-later
"""A highly available cluster on five systemd nodes of this host (``make cluster``), and its removal (``make clean``).

Environment: KUBEOPS_BUNDLE (a bundle's directory), KUBEOPS_VERSION (default: the newest there is),
KUBEOPS_LAB_DIR (where the nodes and the kubeconfig are kept).
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tools import collection_data, paths

LAB = "cluster"
STATE = Path(os.environ.get("KUBEOPS_LAB_DIR") or "/var/lib/kubeops-cluster")
NODES = "cp1:control_plane,cp2:control_plane,cp3:control_plane,w1:workers,w2:workers"
FIRST = "cp1"
BUNDLE = Path(os.environ.get("KUBEOPS_BUNDLE") or "/var/lib/kubeops/bundle")
REPOSITORY = "https://pkgs.k8s.io/core:/stable:"
REACH_SECONDS = 5.0
CANNOT = 2  # exit code where this machine can't, and nothing was touched
NO_SOURCE = f"""\
No source of Kubernetes: there is no bundle at {BUNDLE}, and {REPOSITORY} does not answer.
Nothing was built. Two ways out:
  - let this machine reach https://pkgs.k8s.io and https://registry.k8s.io, or
  - make a bundle on a machine that can reach them (ansible-playbook playbooks/build_bundle.yml),
    copy it here, and name its directory: KUBEOPS_BUNDLE=/path/to/bundle make cluster"""

Version = tuple[int, ...]


class HostError(Exception):
    """Why a cluster can't be made here, with the way out."""


@dataclass(frozen=True)
class Source:
    """Where Kubernetes comes from: which version, and the variables that say so."""

    version: str
    description: str
    variables: dict[str, str] = field(default_factory=dict)
    lab_options: tuple[str, ...] = ()


def parse(version: str) -> Version:
    """``v1.36.3`` as numbers."""
    return tuple(int(part) for part in version.lstrip("v").split("."))


def choose(versions: set[str], where: str) -> str:
    """KUBEOPS_VERSION where it is there, else the newest."""
    wanted = os.environ.get("KUBEOPS_VERSION", "").lstrip("v")
    if wanted and wanted not in versions:
        raise HostError(
            f"KUBEOPS_VERSION={wanted} is not in {where}, which has {', '.join(sorted(versions, key=parse))}."
        )
    return wanted or max(versions, key=parse)


def bundle_versions(bundle: Path) -> set[str]:
    """Versions of kubeadm that a bundle's manifest lists; none where there is no bundle."""
    manifest = bundle / "manifest.json"
    if not manifest.is_file():
        return set()
    files = json.loads(manifest.read_text())["files"]
    return {file["version"].lstrip("v") for file in files if file["kind"] == "binary" and file["name"] == "kubeadm"}


def package_versions(index: str) -> set[str]:
    """Versions of kubeadm in a Debian package index."""
    return set(re.findall(r"^Package: kubeadm\n(?:.+\n)*?Version: (\d+\.\d+\.\d+)-", index, re.MULTILINE))


def repository_versions(minor: str) -> set[str]:
    """Versions of a minor in the community's repository; none where it does not answer."""
    try:
        with urllib.request.urlopen(f"{REPOSITORY}/v{minor}/deb/Packages", timeout=REACH_SECONDS) as answer:
            return package_versions(answer.read().decode())
    except OSError:
        return set()


def wanted_minor() -> str:
    """Minor of KUBEOPS_VERSION, else the newest that the collection knows."""
    wanted = os.environ.get("KUBEOPS_VERSION", "")
    return ".".join(str(part) for part in parse(wanted)[:2]) if wanted else collection_data.newest_minor()


def find_source() -> Source:
    """The bundle, else the community's repository."""
    versions = bundle_versions(BUNDLE)
    if not versions and os.environ.get("KUBEOPS_BUNDLE"):
        raise HostError(f"KUBEOPS_BUNDLE names {BUNDLE}, and there is no bundle there: correct it, or unset it.")
    if versions:
        variables = {"kubeops_package_source": "bundle", "kubeops_bundle": str(BUNDLE)}
        return Source(choose(versions, f"the bundle {BUNDLE}"), f"bundle {BUNDLE}", variables)
    versions = repository_versions(wanted_minor())
    if versions:
        variables = {"kubeops_package_source": "repository"}
        return Source(choose(versions, REPOSITORY), REPOSITORY, variables, ("--internet",))
    raise HostError(NO_SOURCE)


def check_host() -> None:
    """Root on a Debian-family machine."""
    if os.geteuid() != 0:
        raise HostError("The nodes are machines under systemd-nspawn, which needs root. Run: sudo make cluster")
    release = Path("/etc/os-release").read_text() if Path("/etc/os-release").is_file() else ""
    if not re.search(r"^ID(_LIKE)?=.*\bdebian\b", release, re.MULTILINE):
        raise HostError("The nodes are made with debootstrap: run this on Debian, Ubuntu or a derivative.")


def environment() -> dict[str, str]:
    """For every program started here."""
    return {**os.environ, "KUBEOPS_LAB_DIR": str(STATE), "KUBEOPS_BUNDLE": str(BUNDLE)}


def lab(*arguments: str) -> str:
    """Run a command of the lab; its standard output."""
    argv = [sys.executable, "-m", "tests.lab", *arguments]
    return subprocess.run(
        argv, cwd=paths.ROOT, env=environment(), check=True, text=True, stdout=subprocess.PIPE
    ).stdout.strip()


def create(source: Source, inventory: str, extra: list[str]) -> None:
    """Run the main job on the nodes."""
    variables = {**source.variables, "kubeops_version": source.version, "kubeops_cni": "bridge"}
    playbook = [str(paths.VENV_NEWEST / "bin" / "ansible-playbook"), "-i", inventory, "playbooks/create_cluster.yml"]
    subprocess.run([*playbook, "-e", json.dumps(variables), *extra], cwd=paths.ROOT, env=environment(), check=True)


def kubectl(*arguments: str) -> str:
    """kubectl on the first control plane."""
    return lab("ssh", "--id", LAB, FIRST, "kubectl", "--kubeconfig", "/etc/kubernetes/admin.conf", *arguments)


def save_kubeconfig() -> Path:
    """Copy the administrator's kubeconfig, for the owner's eyes only."""
    target = STATE / LAB / "kubeconfig"
    temporary = target.with_suffix(".new")
    temporary.unlink(missing_ok=True)
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(lab("ssh", "--id", LAB, FIRST, "cat", "/etc/kubernetes/admin.conf") + "\n")
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(target)
    return target


@contextmanager
def timed(what: str, times: dict[str, float]) -> Iterator[None]:
    """Note how long something took."""
    print(f"\n== {what}", flush=True)
    started = time.monotonic()
    yield
    times[what] = time.monotonic() - started


def up(extra: list[str]) -> None:
    """From nothing to a verified cluster."""
    check_host()
    source = find_source()
    print(f"Kubernetes {source.version} from {source.description}")
    times: dict[str, float] = {}
    with timed("System packages", times):
        lab("setup")
    with timed("Nodes", times):
        inventory = lab("up", "--id", LAB, "--nodes", NODES, *source.lab_options).splitlines()[-1]
    with timed("Cluster", times):
        create(source, inventory, extra)
    print("\n" + kubectl("get", "nodes", "-o", "wide"))
    print("\n" + "\n".join(f"{what:<16} {seconds:6.0f} s" for what, seconds in times.items()))
    print(f"\nInventory   {inventory}\nKubeconfig  {save_kubeconfig()}\nRemove      make clean")


def down() -> None:
    """Every node of the cluster, its network, mounts and control groups; labs of others stay."""
    lab("clean")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("action", choices=("up", "down"))
    chosen, extra = parser.parse_known_args()
    try:
        up(extra) if chosen.action == "up" else down()
    except HostError as reason:
        print(reason, file=sys.stderr)
        return CANNOT
    except subprocess.CalledProcessError as failed:
        return failed.returncode
    return 0


if __name__ == "__main__":
    sys.exit(main())
