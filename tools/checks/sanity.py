# SPDX-License-Identifier: GPL-3.0-or-later
"""Run ``ansible-test sanity`` under one of the two ansible-cores, without containers and with no network but PyPI.

ansible-test wants the collection at a real path, so it gets a copy of what a commit would hold.
Its home is under .build, so nothing is left in the caller's, and each core has its own: both run side by side,
and nothing keeps them from making the same environment at the same time.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from tools import paths
from tools.checks.report import SKIPPED

SANITY = paths.BUILD / "sanity"
CORES = {"newest": paths.VENV_NEWEST, "oldest": paths.VENV_OLDEST}

# ansible-test fetches this script from a host of its own to put pip into the environments it makes, and takes the
# script from its cache where one is found. Our own pip does the same from PyPI.
GET_PIP = f"""\
import os
import subprocess
import sys

del os.environ["GET_PIP"]
arguments = [argument for argument in sys.argv[1:] if not argument.startswith("--no-")]
sys.exit(subprocess.call([{sys.executable!r}, "-m", "pip", "--python", sys.executable, "install", *arguments]))
"""


def copy_collection(core: str) -> Path:
    """Mirror the working tree into ``.build/sanity/<core>`` and return the collection's directory."""
    target = SANITY / core / "ansible_collections" / "kubeops" / "cluster"
    shutil.rmtree(target, ignore_errors=True)
    for path in paths.collection_files():
        (target / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(paths.ROOT / path, target / path)
    # A repository of its own: ansible-test would find the one around it, which ignores all of .build.
    subprocess.run(["git", "init", "--quiet"], cwd=target, check=True)
    subprocess.run(["git", "add", "--all"], cwd=target, check=True)
    return target


def pip_versions(venv: Path) -> set[str]:
    """Versions of pip that this ansible-test wants; they are part of the script's name in its cache."""
    sources = venv.glob("lib/python*/site-packages/ansible_test/_internal/python_requirements.py")
    return {version for path in sources for version in re.findall(r"\bpip='([\d.]+)'", path.read_text())}


def prepare_home(home: Path, venv: Path) -> None:
    """A home with the pip bootstrap scripts in ansible-test's cache and the caller's own pip configuration."""
    cache = home / ".ansible" / "test" / "cache"
    cache.mkdir(parents=True, exist_ok=True)
    for version in pip_versions(venv):
        (cache / f"get_pip_{version.replace('.', '_')}.py").write_text(GET_PIP)
    own = Path.home() / ".config" / "pip"
    link = home / ".config" / "pip"
    if own.is_dir() and not link.is_symlink():
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(own)


def environment(home: Path, venv: Path) -> dict[str, str]:
    """The caller's environment with that home, and on PATH every interpreter of this machine, then our linters."""
    path = os.pathsep.join([str(venv / "bin"), *paths.interpreter_directories(), str(paths.VENV_NEWEST / "bin")])
    outside = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
    return {**outside, "HOME": str(home), "PATH": path}


def main(core: str) -> int:
    venv = CORES[core]
    if not (venv / "bin" / "ansible-test").exists():
        print(f"no environment for the {core} ansible-core on this machine")
        return SKIPPED
    home = SANITY / core / "home"
    prepare_home(home, venv)
    target = copy_collection(core)
    with (SANITY / f"{core}.log").open("w") as log:
        done = subprocess.run(
            [str(venv / "bin" / "ansible-test"), "sanity", "--color", "no", "--lint"],
            cwd=target,
            env=environment(home, venv),
            check=False,
            text=True,
            stdout=subprocess.PIPE,
            stderr=log,
        )
    print(done.stdout if done.stdout.strip() or not done.returncode else (SANITY / f"{core}.log").read_text())
    return done.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
