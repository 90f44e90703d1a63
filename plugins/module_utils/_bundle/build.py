# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes a bundle directory from its upstreams."""

from __future__ import annotations

import hashlib
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ansible.module_utils.urls import open_url

from .._core import clock
from .._core.errors import KubeopsError
from .._core.files import read_text, sha256, write_atomic
from .._core.plan import Plan, Step
from .._core.runner import Runner
from .manifest import NAME, BundleFile, dump, parse
from .upstream import Download, image_id, image_path, image_role, images_in, member, published_digest

PULL_TIMEOUT = 1800.0


@dataclass
class Builder:
    """`directory` is the bundle; files whose size and digest are as the manifest says are not fetched again."""

    runner: Runner
    directory: Path
    archs: Sequence[str]
    versions: Sequence[str]

    def manifest(self) -> dict[str, BundleFile]:
        """Whole files of the manifest, by path."""
        text = read_text(str(self.directory / NAME))
        files = parse(text) if text else ()
        return {file.path: file for file in files if sha256(str(self.directory / file.path)) == file.sha256}

    def plan(self, wanted: Sequence[Download], whole: dict[str, BundleFile]) -> Plan:
        steps = tuple(
            Step("download", each.path, each.url, {"download": each}) for each in wanted if each.path not in whole
        )
        return Plan(steps=steps, before="", after="".join(f"download {step.target}\n" for step in steps))

    def download(self, wanted: Download) -> BundleFile:
        """Fetch, compare with the digest that is known or published, store."""
        digest = wanted.sha256 or self._published(wanted)
        data = self._fetch(wanted.url)
        found = hashlib.sha256(data).hexdigest()
        if found != digest:
            raise KubeopsError(
                what=f"{wanted.url} is not what its publisher signed off",
                seen=f"sha256 {found}, expected {digest}",
                fix="try again, or look at what stands between this machine and the upstream",
            )
        content = member(data, wanted.member) if wanted.member else data
        self._store(wanted.path, content)
        return wanted.entry(content, hashlib.sha256(content).hexdigest())

    def _published(self, wanted: Download) -> str:
        text = self._fetch(wanted.digests).decode("ascii", "replace")
        return published_digest(text, wanted.url.rsplit("/", 1)[-1])

    def image_references(self, version: str, kubeadm: str) -> list[str]:
        """Images that this version's kubeadm wants."""
        argv = [kubeadm, "config", "images", "list", "--kubernetes-version", version]
        return self.runner.run(argv, timeout=60).stdout.split()

    def pull(self, reference: str, arch: str, role: str, versions: Sequence[str]) -> BundleFile:
        """One image as a docker archive, through skopeo."""
        path = image_path(reference, arch)
        target = self.directory / path
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.with_suffix(".part")
        temporary.unlink(missing_ok=True)
        destination = f"docker-archive:{temporary}:{reference}"
        argv = [
            "skopeo",
            "copy",
            "--override-os",
            "linux",
            "--override-arch",
            arch,
            f"docker://{reference}",
            destination,
        ]
        self.runner.run(argv, timeout=PULL_TIMEOUT)
        with tarfile.open(temporary) as tar:
            described = tar.extractfile("manifest.json")
            identity = image_id(described.read().decode()) if described else ""
        temporary.rename(target)
        tag = reference.rsplit(":", 1)[-1]
        size, digest = target.stat().st_size, sha256(str(target)) or ""
        return BundleFile(path, "image", reference, tag, arch, tuple(versions), size, digest, role, identity)

    def write_manifest(self, files: dict[str, BundleFile]) -> None:
        write_atomic(str(self.directory / NAME), dump(files.values(), clock.now()))

    def _store(self, path: str, content: bytes) -> None:
        target = self.directory / path
        target.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(str(target), content)

    def _fetch(self, url: str) -> bytes:
        try:
            # Ansible's own client: it honours the environment's proxies.
            with open_url(url, timeout=60) as answer:
                return bytes(answer.read())
        except OSError as error:
            raise KubeopsError(
                what=f"{url} cannot be fetched", seen=str(error), fix="check the version, the URL and the proxy"
            ) from error


def wanted_images(
    builder: Builder, manifests: Sequence[Download], host_arch: str, extra: Sequence[str]
) -> dict[str, tuple[str, tuple[str, ...]]]:
    """Role and Kubernetes versions by image reference: what verification, pod networks and kubeadm want."""
    images: dict[str, tuple[str, tuple[str, ...]]] = dict.fromkeys(extra, ("test", ()))
    for each in manifests:
        images.update(dict.fromkeys(images_in((builder.directory / each.path).read_text("utf-8")), ("node", ())))
    for version in builder.versions:
        kubeadm = builder.directory / f"kubernetes/{version}/{host_arch}/kubeadm"
        kubeadm.chmod(0o755)
        for reference in builder.image_references(version, str(kubeadm)):
            _role, versions = images.get(reference, ("", ()))
            images[reference] = (image_role(reference), (*versions, version))
    return images
