# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's command line, as everybody else uses it, in a state directory of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.lab import host
from tests.lab.paths import Paths

REPOSITORY = Path(__file__).resolve().parents[2]


def obstacle() -> str:
    """Why there can be no lab here; empty where there can."""
    if os.geteuid() != 0:
        return "the lab needs root"
    if missing := host.missing_packages():
        return f"missing {', '.join(missing)}: run python3 -m tests.lab setup"
    if subprocess.run(["unshare", "--net", "--mount", "true"], capture_output=True, check=False).returncode:
        return "this machine allows no network and mount namespaces"
    return ""


class LabRunner:
    """The command line, as everybody else uses it."""

    def __init__(self, state: Path) -> None:
        self.environment = {**os.environ, "KUBEOPS_LAB_DIR": str(state)}
        self.paths = Paths.from_environment(self.environment)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "tests.lab", *arguments]
        pipe = subprocess.PIPE
        return subprocess.Popen(command, cwd=REPOSITORY, env=self.environment, text=True, stdout=pipe, stderr=pipe)

    def try_run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        process = self.start(*arguments)
        stdout, stderr = process.communicate(timeout=300)
        return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)

    def __call__(self, *arguments: str) -> str:
        done = self.try_run(*arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def states(self, lab: str) -> dict[str, tuple[str, str]]:
        rows = (line.split() for line in self("list", "--id", lab).splitlines())
        return {row[1]: (row[4], row[5]) for row in rows}
