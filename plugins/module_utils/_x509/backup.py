# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeps a copy of a node's whole PKI in one file, and puts it back."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from .._core import clock, files
from .._core.errors import KubeopsError
from .._kubeadm import paths

DIRECTORY = f"{files.BACKUP_ROOT}/pki"


def save() -> str:
    """Write PKI and kubeconfigs to a new archive that only root can read, and return its path."""
    Path(DIRECTORY).mkdir(mode=0o700, parents=True, exist_ok=True)
    buffer = io.BytesIO()
    # A link says nothing of what was behind it.
    with tarfile.open(fileobj=buffer, mode="w:gz", dereference=True) as archive:
        for path in _saved():
            archive.add(path, arcname=str(path.relative_to("/")), recursive=False)
    target = f"{DIRECTORY}/{clock.now():%Y%m%dT%H%M%S.%fZ}.tar.gz"
    files.write_atomic(target, buffer.getvalue(), mode=0o600)
    return target


def differing(contents: Mapping[str, bytes]) -> list[str]:
    """Return those files that are missing or other on the node."""
    return [target for target, content in contents.items() if files.read_bytes(target) != content]


def present(targets: Iterable[str]) -> dict[str, bytes]:
    """Return what the node has of these files."""
    found = ((target, files.read_bytes(target)) for target in targets)
    return {target: content for target, content in found if content is not None}


def put_back(contents: Mapping[str, tuple[bytes, int]]) -> None:
    """Write files of an archive; what they replace is kept aside."""
    for target, (content, mode) in contents.items():
        Path(target).parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        files.write_atomic(target, content, mode=mode, backup=True)


def _saved() -> list[Path]:
    found = [*Path(paths.PKI).rglob("*"), *Path(paths.KUBERNETES).glob("*.conf")]
    return sorted(path for path in found if path.is_file())


def read(path: str) -> dict[str, tuple[bytes, int]]:
    """Return content and mode of every file of an archive, by path."""
    contents: dict[str, tuple[bytes, int]] = {}
    try:
        with tarfile.open(path, mode="r:gz") as archive:
            for member in archive:
                contents[_target(member.name)] = (_content(archive, member), member.mode & 0o777)
    except (OSError, EOFError, tarfile.TarError) as error:
        raise KubeopsError(
            "the backup of the PKI cannot be read", seen=f"{path}: {error}", fix=f"name an archive of {DIRECTORY}"
        ) from error
    return contents


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    reader = archive.extractfile(member) if member.isfile() else None
    if reader is None:
        raise KubeopsError(
            "the backup of the PKI is not whole",
            seen=f"it holds no content of {member.name}, which was a link",
            fix=f"name an archive of {DIRECTORY} that has it, or extract what it has by hand",
        )
    return reader.read()


def _target(name: str) -> str:
    target = f"/{name}"
    if not target.startswith(f"{paths.KUBERNETES}/") or ".." in Path(target).parts:
        raise KubeopsError(
            "the archive is no backup of a PKI", seen=f"it holds {name}", fix=f"name an archive of {DIRECTORY}"
        )
    return target
