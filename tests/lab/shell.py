# SPDX-License-Identifier: GPL-3.0-or-later
"""The only place that runs commands and writes files."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.lab.errors import LabError


def run(argv: Sequence[str], stdin: str | None = None) -> str:
    """Standard output of a command that must succeed."""
    done = try_run(argv, stdin)
    if done.returncode:
        last = "\n".join(done.stderr.strip().splitlines()[-5:])
        raise LabError(f"{' '.join(argv)} failed ({done.returncode}): {last}")
    return done.stdout


def try_run(argv: Sequence[str], stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(argv, capture_output=True, text=True, check=False, input=stdin or "")
    except FileNotFoundError as error:
        raise LabError(f"{argv[0]} is not installed; run: python3 -m tests.lab setup") from error


def write(path: Path, content: str, mode: int = 0o644) -> None:
    """Replace a file as a whole: a reader sees the old content or the new."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w") as file:
        os.fchmod(file.fileno(), mode)
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def remove_tree(path: Path) -> None:
    """Remove a directory in one step: half of one is never seen under its name."""
    going = path.with_name(f".removing-{path.name}")
    for __ in range(2):  # what an earlier call left behind, then the directory itself
        if going.exists():
            shutil.rmtree(going)
        if path.exists():
            path.rename(going)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a file lock; the kernel drops it with the process, however that ends."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
