# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeps a copy of a node's whole PKI in one file, and puts it back."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

from .._core import clock, files
from .._core.errors import KubeopsError
from .._kubeadm import paths

DIRECTORY = f"{files.BACKUP_ROOT}/pki"


def save() -> str:
    """Write PKI and kubeconfigs to a new archive that only root can read, and return its path."""
    Path(DIRECTORY).mkdir(mode=0o700, parents=True, exist_ok=True)
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for path in _saved():
            archive.add(path, arcname=str(path.relative_to("/")), recursive=False)
    target = f"{DIRECTORY}/{clock.now():%Y%m%dT%H%M%S.%fZ}.tar.gz"
    files.write_atomic(target, buffer.getvalue(), mode=0o600)
    return target


def differing(contents: dict[str, tuple[bytes, int]]) -> dict[str, tuple[bytes, int]]:
    """Return those files of an archive that are missing or other on the node."""
    return {target: saved for target, saved in contents.items() if files.read_bytes(target) != saved[0]}


def put_back(contents: dict[str, tuple[bytes, int]]) -> None:
    """Write files of an archive; what they replace is kept aside."""
    for target, (content, mode) in contents.items():
        Path(target).parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        files.write_atomic(target, content, mode=mode, backup=True)


def _saved() -> list[Path]:
    pki = [path for path in Path(paths.PKI).rglob("*") if path.is_file()]
    return sorted([*pki, *Path(paths.KUBERNETES).glob("*.conf")])


def read(path: str) -> dict[str, tuple[bytes, int]]:
    """Return content and mode of every file of an archive, by path."""
    contents: dict[str, tuple[bytes, int]] = {}
    try:
        with tarfile.open(path, mode="r:gz") as archive:
            for member in archive:
                reader = archive.extractfile(member) if member.isfile() else None
                if reader is not None:
                    contents[_target(member.name)] = (reader.read(), member.mode & 0o777)
    except (OSError, EOFError, tarfile.TarError) as error:
        raise KubeopsError(
            "the backup of the PKI cannot be read", seen=f"{path}: {error}", fix=f"name an archive of {DIRECTORY}"
        ) from error
    return contents


def _target(name: str) -> str:
    target = f"/{name}"
    if not target.startswith(f"{paths.KUBERNETES}/") or ".." in Path(target).parts:
        raise KubeopsError(
            "the archive is no backup of a PKI", seen=f"it holds {name}", fix=f"name an archive of {DIRECTORY}"
        )
    return target
