# SPDX-License-Identifier: GPL-3.0-or-later
"""Run every linter and check, as many at a time as there are cores (``make lint``).

One line per check with its time, then the output of those that failed. Arguments select checks by name.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from tools import paths

BIN = paths.VENV_NEWEST / "bin"
PLUGINS = "ansible_collections.kubeops.cluster.plugins"
LOGS = paths.BUILD / "lint"
LIMIT = 900  # seconds; a check that takes longer has failed


@dataclass(frozen=True)
class Check:
    """A command that exits 0 when there is nothing to say."""

    name: str
    argv: tuple[str, ...]
    cwd: Path = paths.ROOT
    environment: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """How a check ended; its output is in .build/lint/<name>.log."""

    check: Check
    passed: bool
    seconds: float
    output: str


def own(name: str, module: str, *arguments: str) -> Check:
    """A check that is a program of this repository."""
    return Check(name, (sys.executable, "-m", module, *arguments))


# The slow ones first, so that the cores end together.
CHECKS = (
    own("sanity-newest", "tools.checks.sanity", "newest"),
    own("sanity-oldest", "tools.checks.sanity", "oldest"),
    Check("ansible-lint", (str(BIN / "ansible-lint"), "--nocolor")),
    own("artifact-newest", "tools.checks.artifact", "newest"),
    own("artifact-oldest", "tools.checks.artifact", "oldest"),
    Check(
        "mypy-plugins",
        (str(BIN / "mypy"), f"--config-file={paths.ROOT}/pyproject.toml", f"--package={PLUGINS}"),
        cwd=paths.COLLECTIONS,
    ),
    Check("mypy-tools", (str(BIN / "mypy"), "--python-version=3.10", "tools", "tests/lab")),
    Check(
        "antsibull-docs",
        (str(BIN / "antsibull-docs"), "lint-collection-docs", "--plugin-docs", "--skip-rstcheck", "."),
        cwd=paths.COLLECTION,
    ),
    Check("antsibull-changelog", (str(BIN / "antsibull-changelog"), "lint")),
    Check("yamllint", (str(BIN / "yamllint"), "--strict", ".")),
    Check("ruff-check", (str(BIN / "ruff"), "check", "--quiet", "--output-format=concise", ".")),
    Check("ruff-format", (str(BIN / "ruff"), "format", "--check", ".")),
    own("docs-fresh", "tools.docs", "--check"),
    own("role-variables", "tools.checks.role_variables"),
    own("spdx", "tools.checks.spdx"),
)


def run(check: Check) -> Outcome:
    """Run one check and keep its output."""
    started = time.monotonic()
    environment = {**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ.get('PATH', os.defpath)}"}
    environment.update(ANSIBLE_COLLECTIONS_PATH=str(paths.COLLECTIONS), PYTHONPATH=str(paths.ROOT), NO_COLOR="1")
    environment.update(check.environment)
    try:
        done = subprocess.run(
            check.argv,
            cwd=check.cwd,
            env=environment,
            check=False,
            text=True,
            timeout=LIMIT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        passed, output = done.returncode == 0, done.stdout
    except subprocess.TimeoutExpired as late:
        passed, output = False, f"{late.output or ''}\nnot done after {LIMIT} s"
    (LOGS / f"{check.name}.log").write_text(output)
    return Outcome(check, passed, time.monotonic() - started, output)


def run_all(checks: list[Check], announce: Callable[[Outcome], None]) -> list[Outcome]:
    """Run the checks side by side and announce each as it ends."""
    LOGS.mkdir(parents=True, exist_ok=True)

    def run_and_announce(check: Check) -> Outcome:
        outcome = run(check)
        announce(outcome)
        return outcome

    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        return list(pool.map(run_and_announce, checks))


def announce(outcome: Outcome) -> None:
    """One line for one check."""
    word = "ok  " if outcome.passed else "FAIL"
    print(f"{word}  {outcome.check.name:<20} {outcome.seconds:6.1f} s", flush=True)


def report(outcomes: list[Outcome]) -> int:
    """Output of the checks that failed; the exit code."""
    failed = [outcome for outcome in outcomes if not outcome.passed]
    for outcome in failed:
        print(f"\n--- {outcome.check.name}\n{outcome.output.strip()}")
    print(f"\nlint: {len(outcomes) - len(failed)} checks passed, {len(failed)} failed")
    return 1 if failed else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("names", nargs="*", choices=[[], *(check.name for check in CHECKS)], metavar="check")
    names = parser.parse_args().names
    chosen = [check for check in CHECKS if not names or check.name in names]
    return report(run_all(chosen, announce))


if __name__ == "__main__":
    sys.exit(main())
