# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a bundle is made of: where each file comes from and where it goes. Pure."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from .manifest import BundleFile

BINARIES = ("kubeadm", "kubelet", "kubectl")


@dataclass(frozen=True)
class Upstreams:
    """Base URLs, without a slash at the end; mirrors keep the layout of the originals."""

    kubernetes: str
    crictl: str
    cni_plugins: str


@dataclass(frozen=True)
class Download:
    """`member` is the one file wanted out of a gzipped tar, "" for the download itself. The digest is at url.sha256."""

    url: str
    path: str
    kind: str
    name: str
    version: str
    arch: str
    kubernetes: tuple[str, ...] = ()
    member: str = ""

    def entry(self, data: bytes, digest: str) -> BundleFile:
        return BundleFile(self.path, self.kind, self.name, self.version, self.arch, self.kubernetes, len(data), digest)


def downloads(
    upstreams: Upstreams, versions: Sequence[str], archs: Sequence[str], crictl: str, cni: str
) -> tuple[Download, ...]:
    """Every download; versions with their v."""
    return tuple(each for arch in archs for each in _for_arch(upstreams, versions, arch, crictl, cni))


def _for_arch(upstreams: Upstreams, versions: Sequence[str], arch: str, crictl: str, cni: str) -> Iterator[Download]:
    for version in versions:
        for name in BINARIES:
            url = f"{upstreams.kubernetes}/{version}/bin/linux/{arch}/{name}"
            path = f"kubernetes/{version}/{arch}/{name}"
            yield Download(url, path, "binary", name, version, arch, (version,))
    url = f"{upstreams.crictl}/{crictl}/crictl-{crictl}-linux-{arch}.tar.gz"
    yield Download(url, f"tools/crictl/{crictl}/{arch}/crictl", "tool", "crictl", crictl, arch, member="crictl")
    archive = f"cni-plugins-linux-{arch}-{cni}.tgz"
    yield Download(
        f"{upstreams.cni_plugins}/{cni}/{archive}",
        f"cni/{cni}/{arch}/{archive}",
        "cni_plugins",
        "cni-plugins",
        cni,
        arch,
    )


def published_digest(text: str) -> str:
    """sha256 out of a published .sha256 file, which holds the digest alone or with the file's name behind it."""
    words = text.split()
    if not words or len(words[0]) != 64:
        raise ValueError(f"no sha256 in {text[:80]!r}")
    return words[0].lower()


def image_path(reference: str, arch: str) -> str:
    return f"images/{arch}/{reference.replace('/', '_').replace(':', '_')}.tar"


def image_role(reference: str) -> str:
    """Which nodes need the image."""
    name = reference.rsplit("/", 1)[-1].split(":", maxsplit=1)[0]
    control_plane = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "etcd")
    return "control_plane" if name in control_plane else "node"


def image_id(archive_manifest: str) -> str:
    """Digest of the image's configuration, from manifest.json of a docker archive."""
    config = str(json.loads(archive_manifest)[0]["Config"])
    digest = config.rsplit("/", 1)[-1].removesuffix(".json")
    if len(digest) != 64:
        raise ValueError(f"no digest in the configuration's name {config!r}")
    return f"sha256:{digest}"


def member(archive: bytes, name: str) -> bytes:
    """One regular file out of a gzipped tar, by its last path component."""
    with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as tar:
        for info in tar:
            content = tar.extractfile(info) if info.isfile() and info.name.rsplit("/", 1)[-1] == name else None
            if content is not None:
                return content.read()
    raise ValueError(f"no {name} in the archive")
