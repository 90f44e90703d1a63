# SPDX-License-Identifier: GPL-3.0-or-later
"""The built artifact installs offline and works from a path that is not this repository.

Its playbooks pass a syntax check by their collection names and the documentation of its plugins loads,
from another working directory and without this repository's configuration, under one of the two ansible-cores.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tools import paths
from tools.checks.report import SKIPPED, report
from tools.checks.sanity import CORES

FORBIDDEN = (".build", ".git", ".ci", "tests", "tools", "requirements", "molecule", "conftest.py")
PLUGIN_TYPES = {"modules": "module", "filter": "filter", "callback": "callback", "lookup": "lookup", "test": "test"}


class Installed:
    """The artifact, built and installed under a temporary directory."""

    def __init__(self, venv: Path, directory: Path) -> None:
        self.bin = venv / "bin"
        self.directory = directory
        self.collection = directory / "ansible_collections" / "kubeops" / "cluster"
        config = directory / "ansible.cfg"
        config.write_text(f"[defaults]\ncollections_path = {directory}\n")
        outside = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
        self.environment = {**outside, "ANSIBLE_CONFIG": str(config), "HOME": str(directory)}

    def run(self, program: str, *arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Run a program of the environment away from the repository."""
        return subprocess.run(
            [str(self.bin / program), *arguments],
            cwd=cwd or self.directory,
            env=self.environment,
            check=False,
            capture_output=True,
            text=True,
        )

    def build_and_install(self) -> Iterator[str]:
        """Build from the checkout, look at what is inside, install without a network."""
        built = self.run("ansible-galaxy", "collection", "build", "--output-path", str(self.directory), cwd=paths.ROOT)
        artifacts = sorted(self.directory.glob("kubeops-cluster-*.tar.gz"))
        if built.returncode or not artifacts:
            yield f"build: {built.stderr.strip()}"
            return
        with tarfile.open(artifacts[0]) as archive:
            inside = {name.split("/", maxsplit=1)[0] for name in archive.getnames()}
        yield from (f"artifact: holds {name}; add it to build_ignore in galaxy.yml" for name in inside & {*FORBIDDEN})
        where = ("-p", str(self.directory), "--offline", "--force")
        installed = self.run("ansible-galaxy", "collection", "install", str(artifacts[0]), *where)
        if installed.returncode:
            yield f"install: {installed.stderr.strip()}"

    def playbooks(self) -> Iterator[str]:
        """Syntax check of every playbook by its collection name."""
        inventory = self.directory / "hosts.yml"
        inventory.write_text("control_plane: {hosts: {cp1: {}}}\nworkers: {hosts: {w1: {}}}\n")
        for playbook in sorted((self.collection / "playbooks").glob("*.yml")):
            name = f"kubeops.cluster.{playbook.stem}"
            checked = self.run("ansible-playbook", "--syntax-check", "-i", str(inventory), name)
            if checked.returncode:
                yield f"playbooks/{playbook.name}: {(checked.stderr or checked.stdout).strip()}"

    def plugins(self) -> Iterator[str]:
        """Documentation of every documented plugin loads from the installed path."""
        for folder, kind in PLUGIN_TYPES.items():
            files = sorted((self.collection / "plugins" / folder).glob("[a-z]*.py"))
            names = [f"kubeops.cluster.{path.stem}" for path in files]
            if not names:
                continue
            asked = self.run("ansible-doc", "--type", kind, "--json", *names)
            loaded = json.loads(asked.stdout) if asked.returncode == 0 else {}
            yield from (f"plugins/{folder}: no documentation of {name}" for name in names if name not in loaded)
            if asked.returncode:
                yield f"plugins/{folder}: {asked.stderr.strip()}"

    def findings(self) -> Iterator[str]:
        """Everything that is wrong with the artifact."""
        yield from self.build_and_install()
        if not self.collection.is_dir():
            return
        yield from self.playbooks()
        yield from self.plugins()


def main(core: str) -> int:
    if not (CORES[core] / "bin" / "ansible-galaxy").exists():
        print(f"no environment for the {core} ansible-core on this machine")
        return SKIPPED
    with tempfile.TemporaryDirectory(prefix="kubeops-artifact-") as directory:
        return report(Installed(CORES[core], Path(directory)).findings(), "the installed artifact")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
