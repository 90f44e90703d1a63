# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a bundle is made of: where each file comes from and where it goes. Pure."""

from __future__ import annotations

import io
import json
import re
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from .manifest import BundleFile

BINARIES = ("kubeadm", "kubelet", "kubectl")
ETCD_PROGRAMS = ("etcd", "etcdctl", "etcdutl")
_IMAGE = re.compile(r"^\s*(?:-\s+)?image:\s*['\"]?([^\s'\"#]+)", re.MULTILINE)


@dataclass(frozen=True)
class Upstreams:
    """Base URLs, without a slash at the end; mirrors keep the layout of the originals."""

    kubernetes: str
    crictl: str
    cni_plugins: str
    containerd: str
    runc: str
    etcd: str


@dataclass(frozen=True)
class Releases:
    """Versions with their v; containerd, runc and etcd "" for none."""

    kubernetes: Sequence[str]
    crictl: str
    cni_plugins: str
    containerd: str = ""
    runc: str = ""
    etcd: str = ""


@dataclass(frozen=True)
class Download:
    """`member` is the one file wanted out of a gzipped tar, "" for the download itself.

    sha256: known beforehand; "" where its publisher has it at `digests`, a file with one line or a line a file.
    """

    url: str
    path: str
    kind: str
    name: str
    version: str
    arch: str
    kubernetes: tuple[str, ...] = ()
    member: str = ""
    sha256: str = ""
    digests: str = ""

    def entry(self, data: bytes, digest: str) -> BundleFile:
        return BundleFile(self.path, self.kind, self.name, self.version, self.arch, self.kubernetes, len(data), digest)


def downloads(upstreams: Upstreams, releases: Releases, archs: Sequence[str]) -> tuple[Download, ...]:
    """Every program and archive."""
    return tuple(each for arch in archs for each in _for_arch(upstreams, releases, arch))


def _for_arch(upstreams: Upstreams, releases: Releases, arch: str) -> Iterator[Download]:
    for version in releases.kubernetes:
        for name in BINARIES:
            url = f"{upstreams.kubernetes}/{version}/bin/linux/{arch}/{name}"
            path = f"kubernetes/{version}/{arch}/{name}"
            yield _published(url, path, "binary", name, version, arch, (version,))
    crictl, cni = releases.crictl, releases.cni_plugins
    url = f"{upstreams.crictl}/{crictl}/crictl-{crictl}-linux-{arch}.tar.gz"
    yield _published(url, f"tools/crictl/{crictl}/{arch}/crictl", "tool", "crictl", crictl, arch, member="crictl")
    archive = f"cni-plugins-linux-{arch}-{cni}.tgz"
    url = f"{upstreams.cni_plugins}/{cni}/{archive}"
    yield _published(url, f"cni/{cni}/{arch}/{archive}", "cni_plugins", "cni-plugins", cni, arch)
    if releases.containerd:
        version = releases.containerd
        archive = f"containerd-{version.removeprefix('v')}-linux-{arch}.tar.gz"
        url = f"{upstreams.containerd}/{version}/{archive}"
        path = f"runtime/containerd/{version}/{arch}/{archive}"
        yield Download(url, path, "runtime", "containerd", version, arch, digests=f"{url}.sha256sum")
    if releases.runc:
        version = releases.runc
        url = f"{upstreams.runc}/{version}"
        path = f"runtime/runc/{version}/{arch}/runc.{arch}"
        yield Download(f"{url}/runc.{arch}", path, "runtime", "runc", version, arch, digests=f"{url}/runc.sha256sum")
    if releases.etcd:
        yield from _etcd(f"{upstreams.etcd}/{releases.etcd}", releases.etcd, arch)


def _etcd(release: str, version: str, arch: str) -> Iterator[Download]:
    """etcd's programs, which are one archive."""
    url = f"{release}/etcd-{version}-linux-{arch}.tar.gz"
    for name in ETCD_PROGRAMS:
        path = f"tools/etcd/{version}/{arch}/{name}"
        yield Download(url, path, "tool", name, version, arch, member=name, digests=f"{release}/SHA256SUMS")


def _published(
    url: str,
    path: str,
    kind: str,
    name: str,
    version: str,
    arch: str,
    kubernetes: tuple[str, ...] = (),
    member: str = "",
) -> Download:
    return Download(url, path, kind, name, version, arch, kubernetes, member, digests=f"{url}.sha256")


def manifest(name: str, version: str, url: str, digest: str) -> Download:
    """A manifest of a pod network, pinned by its digest."""
    path = f"manifests/{name}/{version}/{url.rsplit('/', 1)[-1]}"
    return Download(url, path, "manifest", name, version, "", sha256=digest)


def images_in(text: str) -> list[str]:
    """References of the images that a manifest's containers run."""
    return sorted(set(_IMAGE.findall(text)))


def published_digest(text: str, name: str) -> str:
    """sha256 of a file out of a published list, or out of one that holds the digest alone."""
    lines = [line.split() for line in text.splitlines() if line.strip()]
    for words in lines:
        if len(words[0]) == 64 and (len(lines) == 1 or words[-1].lstrip("*").rsplit("/", 1)[-1] == name):
            return words[0].lower()
    raise ValueError(f"no sha256 of {name} in {text[:80]!r}")


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
