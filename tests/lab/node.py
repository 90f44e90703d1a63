# SPDX-License-Identifier: GPL-3.0-or-later
"""One node: its files, its start, its death."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tests.lab import cgroups, network
from tests.lab.errors import LabError
from tests.lab.host import Host
from tests.lab.model import Lab, Node
from tests.lab.naming import Names
from tests.lab.paths import DEFAULT_BUNDLE, Paths
from tests.lab.shell import remove_tree, run, write

# Overlays do not stack on overlays, and etcd wants a plain disk.
PLAIN_DIRECTORIES = {
    "containerd": "/var/lib/containerd",
    "kubelet": "/var/lib/kubelet",
    "etcd": "/var/lib/etcd",
    "pods": "/var/log/pods",
}
# The shell joins the node's cgroups first, so that a killed `up` leaves nothing
# outside them, and mounts the root in a mount namespace that dies with the node.
# systemd-nspawn ends with 133 where the node reboots: somebody has to start it again.
LAUNCH = """\
set -e
for procs in $LAUNCH_CGROUPS; do echo $$ > "$procs"; done
mount -t overlay overlay -o "lowerdir=$NODE_BASE,upperdir=upper,workdir=work" root
until sh -c 'for procs in $NODE_CGROUPS; do echo $$ > "$procs"; done; exec systemd-nspawn "$@"' sh "$@" ||
  [ $? -ne 133 ]
do :; done
"""


@dataclass(frozen=True)
class Machine:
    """A node with all that is needed to act on it."""

    paths: Paths
    host: Host
    lab: Lab
    node: Node

    @property
    def names(self) -> Names:
        return self.paths.names(self.lab.id)

    @property
    def directory(self) -> Path:
        return self.paths.node(self.lab.id, self.node.name)

    @property
    def cgroup(self) -> str:
        return self.names.node_cgroup(self.node.name)

    @property
    def address(self) -> str:
        return str(self.lab.address(self.node))

    @property
    def console(self) -> Path:
        return self.directory / "console.log"

    @property
    def base(self) -> Path:
        """The base the node was made on: its overlay fits no other."""
        return (self.directory / "base").readlink()


def identity_files(machine: Machine, authorized_key: str, nameservers: Sequence[str]) -> dict[str, tuple[str, int]]:
    """Files that make a node itself: {path: (content, mode)}."""
    name, names = machine.node.name, machine.names
    return {
        "etc/hostname": (f"{name}\n", 0o644),
        "etc/hosts": (f"127.0.0.1 localhost\n::1 localhost\n{machine.address} {name}\n", 0o644),
        "etc/resolv.conf": ("".join(f"nameserver {server}\n" for server in nameservers), 0o644),
        "etc/machine-id": (f"{names.machine_id(name).hex}\n", 0o444),
        "etc/lab/product_uuid": (f"{names.product_uuid(name)}\n", 0o400),
        "root/.ssh/authorized_keys": (authorized_key, 0o600),
    }


def create(machine: Machine, base: Path, authorized_key: str, nameservers: Sequence[str]) -> None:
    """Make the node's directories and identity; what is there stays as it is."""
    machine.directory.mkdir(parents=True, exist_ok=True)
    with suppress(FileExistsError):
        (machine.directory / "base").symlink_to(base)
    upper = machine.directory / "upper"
    for name in ("upper", "work", "root", *PLAIN_DIRECTORIES):
        (machine.directory / name).mkdir(exist_ok=True)
    host_key = upper / "etc/ssh/ssh_host_ed25519_key"
    if not host_key.with_suffix(".pub").exists():
        host_key.parent.mkdir(parents=True, exist_ok=True)
        host_key.unlink(missing_ok=True)
        keygen = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", machine.node.name]
        run([*keygen, "-f", str(host_key)])
    for name, (content, mode) in identity_files(machine, authorized_key, nameservers).items():
        if not (upper / name).exists():
            write(upper / name, content, mode)
    (upper / "root").chmod(0o700)
    (upper / "root/.ssh").chmod(0o700)


def host_key(machine: Machine) -> str:
    """The node's line for a known_hosts file."""
    public = machine.directory / "upper/etc/ssh/ssh_host_ed25519_key.pub"
    return f"{machine.address} {' '.join(public.read_text().split()[:2])}"


def nspawn_arguments(machine: Machine, bundle: Path | None) -> list[str]:
    directory, name = machine.directory, machine.node.name
    binds = [f"--bind={directory / host}:{inside}" for host, inside in PLAIN_DIRECTORIES.items()]
    if bundle:
        binds.append(f"--bind-ro={bundle}:{DEFAULT_BUNDLE}")
    return [
        *("--quiet", "--boot", "--register=no", "--keep-unit"),
        f"--directory={directory / 'root'}",
        f"--machine={machine.names.machine(name)}",
        f"--hostname={name}",
        f"--uuid={machine.names.machine_id(name)}",
        f"--network-namespace-path={network.netns_path(machine.names.netns(name))}",
        *("--capability=all", "--system-call-filter=@known"),
        *("--resolv-conf=off", "--timezone=off", "--link-journal=no", "--bind=/dev/kmsg"),
        *binds,
    ]


def nspawn_environment(machine: Machine, procs: list[Path], launcher: list[Path]) -> dict[str, str]:
    return {
        "PATH": os.environ.get("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"),
        "NODE_BASE": str(machine.base),
        "NODE_CGROUPS": " ".join(str(path) for path in procs),
        "LAUNCH_CGROUPS": " ".join(str(path) for path in launcher),
        "SYSTEMD_NSPAWN_API_VFS_WRITABLE": "1",
        "SYSTEMD_NSPAWN_LOCK": "0",
        "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": str(machine.host.layout.version - 1),
    }


def start(machine: Machine, bundle: Path | None) -> None:
    """Power on a node that is not running."""
    stop(machine)
    network.attach(machine.names, machine.lab, machine.node)
    procs = cgroups.create(machine.host.layout, machine.cgroup)
    launcher = cgroups.beside(machine.host.layout, procs)
    private = ["unshare", "--mount", "--propagation", "slave"]
    with machine.console.open("ab") as console:
        subprocess.Popen(
            [*private, "sh", "-c", LAUNCH, "sh", *nspawn_arguments(machine, bundle)],
            cwd=machine.directory,
            env=nspawn_environment(machine, procs, launcher),
            stdin=subprocess.DEVNULL,
            stdout=console,
            stderr=console,
            start_new_session=True,
        )


def is_running(machine: Machine) -> bool:
    return leader(machine) is not None


def leader(machine: Machine) -> int | None:
    """The host's process id of the node's own init: first of its process namespace."""
    for pid in cgroups.processes(machine.host.layout, machine.cgroup):
        with suppress(OSError):
            status = Path(f"/proc/{pid}/status").read_text()
            ids = next(line for line in status.splitlines() if line.startswith("NSpid:")).split()[1:]
            # A container's init on the node has one more namespace above it.
            if len(ids) == 2 and ids[1] == "1":
                return pid
    return None


def stop(machine: Machine) -> None:
    """Pull the power cord."""
    cgroups.kill(machine.host.layout, machine.cgroup)
    cgroups.remove(machine.host.layout, machine.cgroup)
    network.detach(machine.names, machine.node)
    propagate = Path("/run/systemd/nspawn/propagate") / machine.names.machine(machine.node.name)
    shutil.rmtree(propagate, ignore_errors=True)


def remove(machine: Machine) -> None:
    stop(machine)
    remove_tree(machine.directory)


def wait_for_ssh(machine: Machine, timeout: float) -> None:
    """Until the node's sshd greets."""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        with suppress(OSError), socket.create_connection((machine.address, 22), timeout=1) as peer:
            if peer.recv(4) == b"SSH-":
                return
        time.sleep(0.05)
    last = machine.console.read_text(errors="replace").splitlines()[-5:]
    raise LabError(
        f"node {machine.node.name} did not answer on {machine.address}:22 within {timeout:.0f} s; "
        f"{machine.console} ends with: {' | '.join(last)}"
    )
