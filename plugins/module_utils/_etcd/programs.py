# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds etcd's programs on a node: in a directory, on PATH, or inside the etcd image of the container runtime."""

from __future__ import annotations

import json
import shutil
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from .._core import files, processes, workdir
from .._core.errors import KubeopsError
from .._core.runner import Runner
from .._kubeadm import static_pod
from .._static_pods import pods

EXPORT_SECONDS = 300.0
ARCHIVE = "image.tar"
WORK_PREFIX = ".etcd-programs-"
# Each writes an archive of the image with a manifest.json: the format of `docker save`, which all of them speak.
# Through containerd's transfer service ctr may end before the last of the stream is written, and an archive is cut off;
# containerd 1.6 has no such service, and no --local.
CTR = ("ctr", "--namespace", "k8s.io", "images", "export")
EXPORTERS = (
    (*CTR, "--local", "{archive}", "{image}"),
    (*CTR, "{archive}", "{image}"),
    ("docker", "save", "--output", "{archive}", "{image}"),
    ("podman", "save", "--format", "docker-archive", "--output", "{archive}", "{image}"),
)


@dataclass(frozen=True)
class Source:
    """Where programs come from.

    Attributes:
        bin_dir: a directory that has them; empty for that of the etcd that runs on this host, then PATH.
        image: etcd image to take them out of where the other two have not got them; empty for that of the static pod.
    """

    runner: Runner
    bin_dir: str = ""
    image: str = ""

    @contextmanager
    def at_hand(self, names: Sequence[str]) -> Iterator[dict[str, str]]:
        """Hand out the path of every program; those of an image are copied out of it, and removed at the end."""
        found = self.present(names)
        missing = [name for name in names if name not in found]
        if not missing:
            yield found
            return
        image = "" if self.bin_dir else self.image or static_pod_image()
        if not image:
            raise KubeopsError(
                f"{' and '.join(missing)} of etcd {'are' if missing[1:] else 'is'} not on this node",
                seen=f"looked in {self.bin_dir or 'the directory of the etcd that runs, and PATH'}",
                fix="name a directory that has them in bin_dir, or an etcd image of the container runtime in image",
            )
        with workdir.work_directory(workdir.room(), WORK_PREFIX) as work:
            self._from_image(image, missing, work)
            yield {**found, **{name: str(Path(work, name)) for name in missing}}

    def present(self, names: Sequence[str]) -> dict[str, str]:
        """Return the path of every program in bin_dir, or else beside the etcd that runs, or on PATH."""
        directory = self.bin_dir or directory_of_running()
        candidates = {name: Path(directory, name) for name in names if directory}
        found = {name: str(path) for name, path in candidates.items() if path.is_file()}
        if self.bin_dir:
            return found
        on_path = {name: self.runner.which(name) for name in names if name not in found}
        return {**found, **{name: path for name, path in on_path.items() if path}}

    def _from_image(self, image: str, names: Sequence[str], work: str) -> None:
        archive = str(Path(work, ARCHIVE))
        seen = []
        for words in EXPORTERS:
            if self.runner.which(words[0]):
                argv = [word.format(archive=archive, image=image) for word in words]
                done = self.runner.run(argv, timeout=EXPORT_SECONDS, check=False)
                if done.rc == 0:
                    break
                seen.append(f"{words[0]}: {done.stderr.strip()[-300:]}")
        else:
            raise _unreadable(image, "; ".join(seen) or "none of ctr, docker, podman is installed")
        try:
            unpack(archive, names, work)
        except tarfile.TarError as error:
            raise _unreadable(image, f"the archive that {words[0]} wrote: {error}") from error
        Path(archive).unlink()


def _unreadable(image: str, seen: str) -> KubeopsError:
    return KubeopsError(
        f"the image {image} cannot be read from the container runtime",
        seen=seen,
        fix="pull the image on this node, or name a directory that has etcd's programs in bin_dir",
    )


def directory_of_running() -> str:
    """Return the directory of the program that runs as this host's etcd; empty for none, and for one in a container."""
    for pid in processes.running("etcd"):
        program = Path("/proc", str(pid), "exe")
        with suppress(OSError):
            if program.readlink().samefile(program):
                return str(program.readlink().parent)
    return ""


def static_pod_image() -> str:
    """Return the image of this node's etcd, as kubeadm runs it; empty where it runs none."""
    manifest = pods.manifest_text("etcd")
    return static_pod.parse(manifest).image if manifest else ""


def unpack(archive: str, names: Sequence[str], work: str) -> None:
    """Copy programs, by their base names, out of the layers of an image archive into work."""
    wanted = set(names)
    with tarfile.open(archive) as outer:
        for layer in _layers(outer):
            member = outer.extractfile(layer)
            if member is not None and wanted:
                with tarfile.open(fileobj=member, mode="r|*") as inner:
                    wanted -= _copy_programs(inner, wanted, work)
    if wanted:
        raise KubeopsError(f"the image has no {' and no '.join(sorted(wanted))}", fix="name another one in image")


def _layers(archive: tarfile.TarFile) -> list[str]:
    index = archive.extractfile("manifest.json")
    images: list[Mapping[str, Any]] = json.load(index) if index else []
    return [str(layer) for image in images[:1] for layer in reversed(image["Layers"])]


def _copy_programs(layer: tarfile.TarFile, names: set[str], work: str) -> set[str]:
    copied = set()
    for entry in layer:
        name = Path(entry.name).name
        content: IO[bytes] | None = layer.extractfile(entry) if entry.isfile() and name in names else None
        if content is not None:
            target = Path(work, name)
            with target.open("wb") as file:
                shutil.copyfileobj(content, file, files.CHUNK)
            target.chmod(0o700)
            copied.add(name)
    return copied
