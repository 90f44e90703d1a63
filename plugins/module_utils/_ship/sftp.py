# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A directory on another host as a place for snapshots, over OpenSSH's sftp.

Nothing but file transfer is asked for, so that the account can be confined to it
(``ForceCommand internal-sftp`` with a ``ChrootDirectory``).
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .._core.errors import KubeopsError
from .._core.runner import Runner
from .._etcd import keep

TIMEOUT_SECONDS = 3600.0
PARTIAL_SUFFIX = ".partial"
# The host is known under this name alone, whatever its address and port.
_ALIAS = "kubeops-target"
_OPTIONS = (
    "BatchMode=yes", "IdentitiesOnly=yes", "StrictHostKeyChecking=yes", "GlobalKnownHostsFile=/dev/null",
    f"HostKeyAlias={_ALIAS}", "ConnectTimeout=10", "ServerAliveInterval=15", "LogLevel=ERROR",
)  # fmt: skip


@dataclass(frozen=True)
class Account:
    """A user of another host.

    host_key: the host's public key, as in ``ssh_host_ed25519_key.pub``: type and base64.
    key_file: private key of this node's user there.
    """

    runner: Runner
    host: str
    port: int
    user: str
    directory: str
    key_file: str
    host_key: str

    @property
    def label(self) -> str:
        """How messages call it."""
        return f"{self.user}@{self.host}:{self.directory}"

    def check(self) -> None:
        """Nothing to refuse: what is missing, ssh says."""

    def put(self, path: str, name: str) -> None:
        """Copy a file under a temporary name, have it synced, rename it, and compare its size.

        What earlier runs left under temporary names goes before: it may fill the disk.
        """
        final = f"{self.directory}/{name}"
        self._batch([f"-mkdir {_quoted(above)}" for above in _ancestors(self.directory)])
        listing = self._batch(
            [
                *(f"-rm {_quoted(f'{self.directory}/{left}')}" for left in keep.abandoned(self.names(), name)),
                f"put -f {_quoted(path)} {_quoted(final + PARTIAL_SUFFIX)}",
                f"chmod 600 {_quoted(final + PARTIAL_SUFFIX)}",
                f"rename {_quoted(final + PARTIAL_SUFFIX)} {_quoted(final)}",
                f"ls -ln {_quoted(final)}",
            ]
        )
        size = Path(path).stat().st_size
        stored = next((line.split()[4] for line in reversed(listing) if line.startswith("-")), "none")
        if stored != str(size):
            raise KubeopsError(f"{self.label} holds {name} with {stored} bytes", seen=f"{size} were sent")

    def names(self) -> list[str]:
        """Return the names in the directory."""
        listing = self._batch([f"ls -1 {_quoted(self.directory)}"])
        return [line.rpartition("/")[2] for line in listing]

    def read(self, name: str) -> bytes:
        """Return what a small file holds."""
        with tempfile.TemporaryDirectory(prefix="kubeops-read-") as private:
            copy = Path(private, "file")
            self._batch([f"get {_quoted(f'{self.directory}/{name}')} {_quoted(str(copy))}"])
            return copy.read_bytes()

    def remove(self, name: str) -> None:
        """Delete a file; gone already is fine, and a refusal shows in the names."""
        self._batch([f"-rm {_quoted(f'{self.directory}/{name}')}"])

    def _batch(self, commands: Sequence[str]) -> list[str]:
        """Run sftp commands and return the lines they print, without the echo of the commands."""
        with tempfile.NamedTemporaryFile("w", encoding="ascii", prefix="kubeops-known-") as known:
            known.write(f"{_ALIAS} {self.host_key.strip()}\n")
            known.flush()
            argv = ["sftp", "-q", "-b", "-", "-i", self.key_file, "-P", str(self.port), "-F", "/dev/null"]
            for option in (*_OPTIONS, f"UserKnownHostsFile={known.name}"):
                argv += ["-o", option]
            try:
                done = self.runner.run(
                    [*argv, f"{self.user}@{self._bracketed}"], stdin="\n".join(commands) + "\n", timeout=TIMEOUT_SECONDS
                )
            except KubeopsError as error:
                fix = "check host, user, key_file, host_key, directory, and the room there"
                raise KubeopsError(f"{self.label} could not be used", seen=error.seen, fix=fix) from error
        return [line.strip() for line in done.stdout.splitlines() if line.strip() and not line.startswith("sftp>")]

    @property
    def _bracketed(self) -> str:
        return f"[{self.host}]" if ":" in self.host else self.host


def _ancestors(directory: str) -> list[str]:
    """The directory and those above it, from the top."""
    path = Path(directory)
    return [str(above) for above in reversed((path, *path.parents)) if above.name]


def _quoted(path: str) -> str:
    escaped = path.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
