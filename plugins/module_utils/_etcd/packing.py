# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compresses and encrypts snapshot files, and undoes it. Keys are named by their files and never read here."""

from __future__ import annotations

import gzip
import os
import shutil
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

from .._core import files, workdir
from .._core.errors import KubeopsError, Refusal
from .._core.runner import Runner

# How what they write begins.
GZIP, ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
Stage = Callable[[str, str], None]  # from one file to another

COMPRESSIONS = {"none": "", "gzip": ".gz", "zstd": ".zst"}
ENCRYPTIONS = {"none": "", "age": ".age", "openssl": ".enc"}
WORK_PREFIX = ".unpacked-"
STAGE_SECONDS = 3600.0
GZIP_LEVEL = 1  # a tenth of the time of level 9, for a file that is little larger
# https://docs.openssl.org/3.0/man1/openssl-enc/; the iterations are those OWASP asks of PBKDF2 with SHA-256.
_OPENSSL = ("openssl", "enc", "-aes-256-ctr", "-pbkdf2", "-iter", "600000", "-md", "sha256")


@dataclass(frozen=True)
class Packing:
    """What was done to a snapshot file: first compressed, then encrypted."""

    compression: str = "none"
    encryption: str = "none"

    @property
    def suffix(self) -> str:
        """What it adds to the file's name."""
        return COMPRESSIONS[self.compression] + ENCRYPTIONS[self.encryption]

    def __bool__(self) -> bool:
        return bool(self.suffix)

    def as_dict(self) -> dict[str, str]:
        """Return plain data for the manifest."""
        return {"compression": self.compression, "encryption": self.encryption}


def of(path: str) -> Packing:
    """Return the packing that a file's name tells."""
    compression = encryption = "none"
    for name, suffix in ENCRYPTIONS.items():
        if suffix and path.endswith(suffix):
            encryption, path = name, path[: -len(suffix)]
    for name, suffix in COMPRESSIONS.items():
        if suffix and path.endswith(suffix):
            compression = name
    return Packing(compression, encryption)


@dataclass(frozen=True)
class Packer:
    """Packs with the node's tools. key_file: age recipients, age identity or openssl passphrase, as the step needs."""

    runner: Runner
    key_file: str = ""

    def refuse(self, packing: Packing) -> None:
        """Raise a Refusal where a program or a key is missing; to be asked before anything is done."""
        programs = [name for name in (packing.compression, packing.encryption) if name not in ("none", "gzip")]
        for name in programs:
            if self.runner.which(name) is None:
                raise Refusal(
                    f"the node has no {name}", seen="not found in PATH", fix=f"install {name}, or choose another way",
                    rule="packing_program",
                )  # fmt: skip
        if packing.encryption != "none" and not Path(self.key_file or "/").is_file():
            raise Refusal(
                f"{packing.encryption} needs a key file",
                seen=f"no file {self.key_file!r}",
                fix="name one in encryption_file for taking, in decryption_file for reading",
                rule="packing_key",
            )

    def pack(self, source: str, target: str, packing: Packing) -> None:
        """Write source, compressed and encrypted, to target (0600, synced)."""
        self._stages(source, target, [*self._compressing(packing), *self._encrypting(packing)])

    def unpack(self, source: str, target: str, packing: Packing) -> None:
        """Write the snapshot itself to target (0600)."""
        self._stages(source, target, [*self._decrypting(packing), *self._decompressing(packing)])

    @contextmanager
    def opened(self, path: str) -> Iterator[str]:
        """Hand out the path of the snapshot itself: path where it is not packed, else a file that goes at the end."""
        packing = of(path)
        if not packing:
            yield path
            return
        self.refuse(packing)
        with workdir.work_directory(_room_beside(path), WORK_PREFIX) as work:
            plain = str(Path(work, "snapshot.db"))
            self.unpack(path, plain, packing)
            yield plain

    def _stages(self, source: str, target: str, stages: list[Stage]) -> None:
        for number, stage in enumerate(stages, 1):
            to = target if number == len(stages) else f"{target}.{number}.partial"
            os.close(os.open(to, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
            stage(source, to)
            if number > 1:
                Path(source).unlink()
            source = to
        files.sync(target)

    def _compressing(self, packing: Packing) -> list[Stage]:
        known: dict[str, list[Stage]] = {"none": [], "gzip": [_gzip], "zstd": [self._command("zstd", "-1")]}
        return known[packing.compression]

    def _decompressing(self, packing: Packing) -> list[Stage]:
        unzstd = self._command("zstd", "--decompress")
        known: dict[str, list[Stage]] = {
            "none": [], "gzip": [_expecting(GZIP, _gunzip)], "zstd": [_expecting(ZSTD, unzstd)],
        }  # fmt: skip
        return known[packing.compression]

    def _encrypting(self, packing: Packing) -> list[Stage]:
        return {
            "none": [],
            "age": [self._command("age", "--encrypt", "--recipients-file", self.key_file)],
            "openssl": [self._openssl("-e", "-salt")],
        }[packing.encryption]

    def _decrypting(self, packing: Packing) -> list[Stage]:
        return {
            "none": [],
            "age": [self._command("age", "--decrypt", "--identity", self.key_file)],
            "openssl": [self._openssl("-d")],
        }[packing.encryption]

    def _command(self, program: str, *words: str) -> Stage:
        quiet = ("--quiet", "--force") if program == "zstd" else ()
        return lambda source, target: self._run((program, *quiet, *words, "-o", target, source))

    def _openssl(self, *words: str) -> Stage:
        secret = ("-pass", f"file:{self.key_file}")
        return lambda source, target: self._run((*_OPENSSL, *words, *secret, "-in", source, "-out", target))

    def _run(self, argv: tuple[str, ...]) -> None:
        self.runner.run(argv, timeout=STAGE_SECONDS)


def _gzip(source: str, target: str) -> None:
    with Path(source).open("rb") as plain, gzip.GzipFile(target, "wb", GZIP_LEVEL) as writer:
        shutil.copyfileobj(plain, writer, files.CHUNK)


def _expecting(magic: bytes, stage: Stage) -> Stage:
    """The stage, for files that begin as they have to."""

    def expect(source: str, target: str) -> None:
        with Path(source).open("rb") as file:
            begin = file.read(len(magic))
        if begin != magic:
            raise _damaged(source, f"it begins with {begin.hex()}, and has to with {magic.hex()}")
        stage(source, target)

    return expect


def _gunzip(source: str, target: str) -> None:
    try:
        with gzip.open(source, "rb") as packed, Path(target).open("wb") as plain:
            shutil.copyfileobj(packed, plain, files.CHUNK)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise _damaged(source, str(error)) from error


def _damaged(path: str, seen: str) -> KubeopsError:
    return KubeopsError(
        f"{path} cannot be unpacked", seen=seen, fix="use another snapshot", details={"check": "compression"}
    )


def _room_beside(path: str) -> str:
    folder = Path(path).absolute().parent
    return str(folder) if os.access(folder, os.W_OK) else workdir.room()
