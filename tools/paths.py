# SPDX-License-Identifier: GPL-3.0-or-later
"""Where things are in a checkout, and which Python interpreters this machine has."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / ".build"
COLLECTIONS = BUILD / "collections"
COLLECTION = COLLECTIONS / "ansible_collections" / "kubeops" / "cluster"
VENV_NEWEST = BUILD / "venv"
VENV_OLDEST = BUILD / "venv-oldest"


def link_collection() -> None:
    """Make the checkout reachable as ``ansible_collections/kubeops/cluster``."""
    COLLECTION.parent.mkdir(parents=True, exist_ok=True)
    if not COLLECTION.is_symlink():
        COLLECTION.symlink_to("../../../..")


def interpreter_directories() -> list[str]:
    """PATH without our own environments and pyenv's shims, with pyenv's real interpreters appended.

    A shim exists for every version ever installed and fails for those that are not selected.
    """
    named = os.environ.get("PATH", os.defpath).split(os.pathsep)
    named = [part for part in named if not part.endswith("/shims") and not part.startswith(str(BUILD))]
    pyenv = sorted(str(path) for path in (Path.home() / ".pyenv" / "versions").glob("*/bin"))
    return list(dict.fromkeys([*named, *pyenv]))


def find_python(version: str) -> str | None:
    """Path of ``python<version>`` (``3.12``) or None."""
    return shutil.which(f"python{version}", path=os.pathsep.join(interpreter_directories()))


def collection_files() -> list[Path]:
    """What a commit would hold: tracked files and new ones that are not ignored, relative to the root."""
    argv = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(argv, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    paths = (Path(name) for name in sorted(set(listed.split("\0"))) if name)
    return [path for path in paths if (ROOT / path).is_file()]
