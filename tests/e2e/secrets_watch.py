# SPDX-License-Identifier: GPL-3.0-or-later
"""Watches this host, lab nodes included, for secrets while a playbook runs."""

from __future__ import annotations

import contextlib
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from .background import in_background

TOKEN = re.compile(r"\b[a-z0-9]{6}\.[a-z0-9]{16}\b")
PRIVATE_KEY = re.compile(r"PRIVATE KEY|LS0tLS1CRUdJTi[A-Za-z0-9+/]{0,16}UFJJVkFURSBLRVk|LS0tLS1CRUdJTiBSU0EgUFJJ")


@dataclass
class SecretsWatch:
    """Command lines seen, secrets found in files of the run, and files wider than 0600 that hold one."""

    command_lines: set[str] = field(default_factory=set)
    secrets: set[str] = field(default_factory=set)
    wide_files: set[str] = field(default_factory=set)

    @contextlib.contextmanager
    def running(self) -> Iterator[SecretsWatch]:
        with in_background(self._loop):
            yield self

    def _loop(self, stop: threading.Event) -> None:
        while not stop.wait(0.2):
            self._sample()

    def _sample(self) -> None:
        namespaces: set[str] = {str(Path("/proc/self/ns/mnt").readlink())}
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                line = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                self.command_lines.add(line)
                namespace = str((process / "ns/mnt").readlink())
                if namespace not in namespaces:
                    namespaces.add(namespace)
                    self._read_run_files(process / "root/run/kubeops")

    def _read_run_files(self, folder: Path) -> None:
        """Join credentials while they exist: the values no output may contain."""
        if not folder.is_dir():
            return
        for path in folder.rglob("*"):
            with contextlib.suppress(OSError):
                if not path.is_file():
                    continue
                text = path.read_text(errors="replace")
                found = set(secret_values(text))
                if path.stat().st_mode & 0o077 and (found or PRIVATE_KEY.search(text)):
                    self.wide_files.add(str(path).split("/root/", 1)[1])
                self.secrets |= found


def secret_values(text: str) -> Iterator[str]:
    """Tokens and certificate keys in a credentials or kubeadm configuration file."""
    yield from TOKEN.findall(text)
    for key in ("certificate_key", "certificateKey"):
        yield from re.findall(rf'"{key}":\s*"([0-9a-f]{{64}})"', text)


def leaks(text: str, secrets: set[str]) -> list[str]:
    """Lines of a text that hold a secret (the secret itself is not repeated)."""
    return [
        f"line {number}: {'private key' if PRIVATE_KEY.search(line) else 'token or certificate key'}"
        for number, line in enumerate(text.splitlines(), 1)
        if PRIVATE_KEY.search(line) or any(secret in line for secret in secrets)
    ]
