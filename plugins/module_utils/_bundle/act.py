# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Puts the files of a bundle in place."""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from .._core.errors import KubeopsError
from .._core.files import read_bytes, sha256, write_atomic
from .._core.plan import Step
from .._core.runner import Runner
from . import index
from .index import Archive
from .manifest import BundleFile
from .plan import EXTRACT, IMPORT, INSTALL
from .probe import Probe

# One waits for the disk while the other hashes; unpacking is bound by the runtime's own locks.
PARALLEL = 2
IMPORT_TIMEOUT = 600.0


@dataclass
class Installer:
    """`sources`: where on this node each path of the bundle can be read."""

    runner: Runner
    probe: Probe
    sources: Mapping[str, str]
    runtime: str
    socket: str

    def apply(self, steps: Sequence[Step]) -> None:
        with ThreadPoolExecutor(max_workers=PARALLEL) as pool:
            list(pool.map(self._put, [step for step in steps if step.action != IMPORT]))
            self.save_index()
            list(pool.map(self._import, [step.data["file"] for step in steps if step.action == IMPORT]))

    def save_index(self) -> None:
        Path(index.PATH).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_atomic(index.PATH, self.probe.index.dumps(), mode=0o600)

    def _put(self, step: Step) -> None:
        put = {INSTALL: self._install, EXTRACT: self._extract}[step.action]
        put(step.data["file"], step.target)

    def _install(self, file: BundleFile, target: str) -> None:
        data = self._verified(file)
        Path(target).parent.mkdir(parents=True, exist_ok=True)
        write_atomic(target, data, mode=0o755)
        self.probe.remember(target, file.sha256)

    def _extract(self, file: BundleFile, directory: str) -> None:
        data = self._verified(file)
        Path(directory).mkdir(parents=True, exist_ok=True)
        members = {}
        for name, content in executables(data):
            path = f"{directory}/{name}"
            write_atomic(path, content, mode=0o755)
            members[path] = hashlib.sha256(content).hexdigest()
            self.probe.remember(path, members[path])
        self.probe.index.archives[file.name] = Archive(file.sha256, members)

    def _import(self, file: BundleFile) -> None:
        source = self.sources[file.path]
        _require_whole(file, Path(source).stat().st_size, sha256(source) or "")
        self.runner.run(self._import_command(source), timeout=IMPORT_TIMEOUT)

    def _import_command(self, source: str) -> list[str]:
        if self.runtime == "containerd":
            return ["ctr", "--address", self.socket, "--namespace", "k8s.io", "images", "import", source]
        if self.runtime == "docker":
            return ["docker", "load", "--input", source]
        # CRI-O keeps its images where podman does (containers-storage).
        return ["podman", "load", "--input", source]

    def _verified(self, file: BundleFile) -> bytes:
        data = read_bytes(self.sources[file.path])
        if data is None:
            raise KubeopsError(what=f"{file.path} is not in the bundle", seen=self.sources[file.path])
        _require_whole(file, len(data), hashlib.sha256(data).hexdigest())
        return data


def _require_whole(file: BundleFile, size: int, digest: str) -> None:
    if (size, digest) != (file.size, file.sha256):
        raise KubeopsError(
            what=f"{file.path} of the bundle is damaged",
            seen=f"{size} bytes with sha256 {digest}, the manifest says {file.size} bytes with {file.sha256}",
            fix="copy the bundle again or build it anew; nothing of this file was installed",
        )


def executables(archive: bytes) -> Iterator[tuple[str, bytes]]:
    """Names (without directories) and contents of the executable regular files in a gzipped tar."""
    with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as tar:
        for member in tar:
            content = tar.extractfile(member) if member.isfile() and member.mode & 0o111 else None
            if content is not None:
                yield PurePosixPath(member.name).name, content.read()
