# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads what of a bundle is on this node."""

from __future__ import annotations

import json
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .._core.errors import KubeopsError
from .._core.files import read_text, sha256
from .._core.runner import Runner
from . import index
from .index import Fingerprint, Index, Known
from .manifest import BundleFile
from .plan import VERSIONED, Layout, Observed, is_archive, parse_images, parse_kubernetes_version

# Written by kubeadm at the end of the kubelet's bootstrap: this node is in a cluster.
KUBELET_KUBECONFIG = "/etc/kubernetes/kubelet.conf"
MACHINES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "ppc64le": "ppc64le", "s390x": "s390x"}


def node_arch() -> str:
    """Architecture of this node in Kubernetes' words."""
    return MACHINES.get(platform.machine(), platform.machine())


@dataclass
class Probe:
    """Looks at the node; `index` grows with every file that had to be hashed."""

    runner: Runner
    layout: Layout
    socket: str
    index: Index

    @classmethod
    def start(cls, runner: Runner, layout: Layout, socket: str) -> Probe:
        return cls(runner, layout, socket, index.loads(read_text(index.PATH)))

    def observe(self, files: Sequence[BundleFile]) -> Observed:
        plain = [file for file in files if file.kind != "image" and not is_archive(file)]
        hashes = {self.layout.target(file): self.hash(self.layout.target(file)) for file in plain}
        known = {path: value for path, value in hashes.items() if value}
        return Observed(
            hashes=known,
            archives={file.name: found for file in files if is_archive(file) for found in self._archive(file)},
            images=self.images() if any(file.kind == "image" for file in files) else {},
            versions=self._other_versions(plain, known),
            in_cluster=Path(KUBELET_KUBECONFIG).exists(),
        )

    def hash(self, path: str) -> str | None:
        """sha256 of an installed file, None where there is none."""
        try:
            found = fingerprint(path)
        except (FileNotFoundError, NotADirectoryError):
            return None
        digest = self.index.known_hash(path, found) or sha256(path)
        if digest:
            self.index.files[path] = Known(found, digest)
        return digest

    def remember(self, path: str, digest: str) -> None:
        """What was just written there."""
        self.index.files[path] = Known(fingerprint(path), digest)

    def _archive(self, file: BundleFile) -> list[str]:
        """The archive's own hash when each of its members is as it was extracted."""
        archive = self.index.archives.get(file.name)
        if archive is None or not archive.members:
            return []
        whole = all(self.hash(path) == digest for path, digest in archive.members.items())
        return [archive.sha256] if whole else []

    def images(self) -> dict[str, str] | None:
        """Images of the runtime, None when it (or crictl) does not answer."""
        # bin_dir may be a directory of programs that are not in use yet.
        beside = Path(self.layout.bin_dir, "crictl")
        crictl = str(beside) if beside.exists() else self.runner.which("crictl")
        if not crictl:
            return None
        endpoint = f"unix://{self.socket}"
        argv = [crictl, "--runtime-endpoint", endpoint, "--image-endpoint", endpoint, "images", "--output", "json"]
        listed = self.runner.run(argv, check=False, timeout=60)
        if listed.rc != 0:
            return None
        return parse_images(json.loads(listed.stdout).get("images", []))

    def _other_versions(self, files: Sequence[BundleFile], hashes: dict[str, str]) -> dict[str, str]:
        versions = {}
        for file in files:
            path = self.layout.target(file)
            if file.name in VERSIONED and path in hashes and hashes[path] != file.sha256:
                versions[file.name] = self._version(file.name, path)
        return versions

    def _version(self, name: str, path: str) -> str:
        words = {"kubeadm": ["version", "-o", "short"], "kubelet": ["--version"], "kubectl": ["version", "--client"]}
        try:
            return parse_kubernetes_version(self.runner.run([path, *words[name]], check=False, timeout=30).stdout)
        except KubeopsError:
            return ""  # It cannot even be started: half a file, to be replaced.


def fingerprint(path: str) -> Fingerprint:
    seen = Path(path).stat()
    return Fingerprint(seen.st_ino, seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns)
