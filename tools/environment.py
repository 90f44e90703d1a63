# SPDX-License-Identifier: GPL-3.0-or-later
"""Make the two virtual environments under .build (``make venv``); standard library only, Python 3.9 and newer.

``.build/venv`` holds the newest ansible-core that any Python on this machine can run, ``.build/venv-oldest``
ansible-core 2.16. A stamp in each environment names what it was made from: nothing is done twice.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tools import paths

REQUIREMENTS = paths.ROOT / "requirements"
STAMP = "kubeops.stamp"


@dataclass(frozen=True)
class Environment:
    """A virtual environment: where it is, the Pythons it may use (best first), and its requirements file."""

    name: str
    directory: Path
    pythons: tuple[str, ...]
    requirements: str
    required: bool = True

    def python(self) -> str | None:
        """The first interpreter at hand that this environment may use."""
        return next((found for version in self.pythons if (found := paths.find_python(version))), None)


ENVIRONMENTS = (
    Environment("newest", paths.VENV_NEWEST, ("3.13", "3.12", "3.11", "3.10"), "newest.txt"),
    Environment("oldest", paths.VENV_OLDEST, ("3.10", "3.11", "3.12"), "oldest.txt", required=False),
)


def stamp_text(python: str) -> str:
    """What an environment is made from: the interpreter, and the digest of every requirements file."""
    content = b"\0".join(path.read_bytes() for path in sorted(REQUIREMENTS.glob("*.txt")))
    return f"{python}\n{hashlib.sha256(content).hexdigest()}\n"


def ensure_venv_module(python: str) -> None:
    """Debian ships Python without ensurepip: install python3.x-venv where we may, else say what to install."""
    if subprocess.run([python, "-c", "import ensurepip, venv"], check=False, capture_output=True).returncode == 0:
        return
    package = f"{Path(python).name}-venv"
    if os.geteuid() == 0 and shutil.which("apt-get"):
        print(f"installing {package} (apt-get)", flush=True)
        subprocess.run(["apt-get", "update", "-q"], check=False, stdout=subprocess.DEVNULL)
        done = subprocess.run(["apt-get", "install", "-q", "-y", package], check=False, stdout=subprocess.DEVNULL)
        if done.returncode == 0:
            return
    sys.exit(f"{python} has no venv module. Fix: install {package} (Debian, Ubuntu) and run this again.")


def create(environment: Environment, python: str) -> None:
    """Create the environment, or bring one of the same interpreter up to date."""
    print(f"{environment.name}: {environment.directory.relative_to(paths.ROOT)} from {python}", flush=True)
    stamp = environment.directory / STAMP
    same = stamp.is_file() and stamp.read_text().startswith(f"{python}\n")
    subprocess.run([python, "-m", "venv", *([] if same else ["--clear"]), str(environment.directory)], check=True)
    pip = [str(environment.directory / "bin" / "python"), "-m", "pip", "install", "--quiet", "--quiet"]
    pip += ["--disable-pip-version-check", "--requirement", str(REQUIREMENTS / environment.requirements)]
    subprocess.run(pip, check=True)
    stamp.write_text(stamp_text(python))


def describe(environment: Environment) -> str:
    """One line: the Python and ansible-core an environment holds."""
    code = "import sys, ansible.release as r; print('%d.%d.%d' % sys.version_info[:3], r.__version__)"
    python = str(environment.directory / "bin" / "python")
    found = subprocess.run([python, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    return f"{environment.name}: Python {found[0]}, ansible-core {found[1]}"


def usable(environment: Environment) -> str:
    """The interpreter it is made from; empty, and said, where this machine has none and can do without."""
    python = environment.python()
    if python is None:
        message = f"{environment.name}: none of Python {', '.join(environment.pythons)} found"
        if environment.required:
            sys.exit(f"{message}. Fix: install one of them.")
        print(f"{message}; its tests are skipped")
    return python or ""


def up_to_date(environment: Environment, python: str) -> bool:
    """Whether its stamp says so."""
    stamp = environment.directory / STAMP
    return stamp.is_file() and stamp.read_text() == stamp_text(python)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--quiet", action="store_true", help="say nothing where nothing is to be done")
    quiet = parser.parse_args().quiet
    paths.link_collection()
    wanted = {environment: python for environment in ENVIRONMENTS if (python := usable(environment))}
    due = {environment: python for environment, python in wanted.items() if not up_to_date(environment, python)}
    for python in due.values():  # apt-get takes no second one beside it
        ensure_venv_module(python)
    with ThreadPoolExecutor() as pool:
        list(pool.map(create, due.keys(), due.values()))
    for environment in due if quiet else wanted:
        print(describe(environment))
    return 0


if __name__ == "__main__":
    sys.exit(main())
