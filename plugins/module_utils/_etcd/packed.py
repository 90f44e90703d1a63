# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Snapshot files as they are stored: verified, packed or not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from .._core import files
from .._core.errors import KubeopsError
from . import packing, snapshot
from .packing import Packer


@contextmanager
def opened(path: str, packer: Packer) -> Iterator[tuple[str, snapshot.Facts]]:
    """Verify a stored snapshot whole and hand out the path of the snapshot itself with what it says.

    A packed file is compared with its manifest first, which needs no key, and then unpacked into a private file
    beside it that goes at the end. Raises KubeopsError saying what is wrong.
    """
    manifest = snapshot.read_manifest(path)
    if packing.of(path):
        expect_stored(path, manifest)
    with ExitStack() as held:
        try:
            plain = held.enter_context(packer.opened(path))
            facts = snapshot.verify(plain, manifest, shown=path)
        except KubeopsError as error:
            # Under any passphrase openssl makes bytes of it, as many as there were. Of a right hash the pages are read.
            if packing.of(path).encryption == "openssl" and error.details.get("check") not in (None, "pages"):
                raise _wrong_passphrase(path) from error
            raise
        yield plain, facts


def _wrong_passphrase(path: str) -> KubeopsError:
    return KubeopsError(
        f"{path} was encrypted with another passphrase",
        seen="by its SHA-256 the file is as it was stored, and what openssl makes of it is no snapshot",
        fix="name the file that has the passphrase of that time in decryption_file, for the playbook restore_etcd in "
        "etcd_restore_decryption_file",
        details={"check": "passphrase"},
    )


def check(path: str) -> snapshot.Facts | None:
    """Verify a stored snapshot as far as no key is needed: a packed one, which tells no facts, by its file's hash."""
    manifest = snapshot.read_manifest(path)
    if not packing.of(path):
        return snapshot.verify(path, manifest)
    expect_stored(path, manifest)
    return None


def expect_stored(path: str, manifest: dict[str, object] | None) -> None:
    """Compare a packed file with what its manifest says of it."""
    stored = (manifest or {}).get("stored")
    if not isinstance(stored, dict):
        raise snapshot.bad(path, "manifest", "it is packed, and no manifest beside it knows its hash")
    if not Path(path).exists():
        raise snapshot.missing(path)
    if files.sha256(path) != stored.get("sha256"):
        raise snapshot.bad(path, "manifest", "its SHA-256 is not the one in its manifest: a byte was changed")
