# SPDX-License-Identifier: GPL-3.0-or-later
"""Run every linter and check, as many at a time as there are cores (``make lint``).

One line per check with its time, then the output of those that failed. Arguments select checks by name.
What a check needs and this machine has not makes it skip, with the reason in its line.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from tools import paths, processes
from tools.checks.report import SKIPPED

BIN = paths.VENV_NEWEST / "bin"
PLUGINS = "ansible_collections.kubeops.cluster.plugins"
LOGS = paths.BUILD / "lint"
LIMIT = 1500  # seconds; a check that takes longer has failed
TOTAL_LIMIT = 1800  # seconds for all of them
TYPED_TESTS = ("tests/lab", "tests/integration_lab", "tests/e2e", "tests/benchmarks")
SILENCE = 60  # seconds without a line, after which those that still run are named


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
    verdict: Literal["ok", "FAIL", "skip"]
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
    Check(
        "mypy-tools",
        (str(BIN / "mypy"), "--python-version=3.10", "tools", *TYPED_TESTS),
        environment={"MYPYPATH": str(paths.COLLECTIONS)},
    ),
    Check(
        "antsibull-docs",
        (str(BIN / "antsibull-docs"), "lint-collection-docs", "--plugin-docs", "."),
        cwd=paths.COLLECTION,
    ),
    Check("antsibull-changelog", (str(BIN / "antsibull-changelog"), "lint")),
    Check("yamllint", (str(BIN / "yamllint"), "--strict", ".")),
    Check("ruff-check", (str(BIN / "ruff"), "check", "--quiet", "--output-format=concise", ".")),
    Check("ruff-format", (str(BIN / "ruff"), "format", "--check", ".")),
    own("docs-fresh", "tools.docs", "--check"),
    own("role-variables", "tools.checks.role_variables"),
    own("list-order", "tools.checks.list_order"),
    own("spdx", "tools.checks.spdx"),
)


def environment(check: Check) -> dict[str, str]:
    """The caller's environment with the newest ansible-core first on PATH, and the check's own variables."""
    return {
        **os.environ,
        "PATH": f"{BIN}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "ANSIBLE_COLLECTIONS_PATH": str(paths.COLLECTIONS),
        "PYTHONPATH": str(paths.ROOT),
        "NO_COLOR": "1",
        **check.environment,
    }


def run(check: Check, running: dict[str, processes.Process], deadline: float) -> Outcome:
    """Run one check, its output into its log; while it runs, it stands in running."""
    started = time.monotonic()
    limit = max(0.0, min(LIMIT, deadline - started))
    log = LOGS / f"{check.name}.log"
    with log.open("wb") as output:
        process = processes.start(check.argv, check.cwd, environment(check), output)
        running[check.name] = process
        code = processes.wait(process, limit)
        del running[check.name]
        if code is None:
            output.write(f"\nnot done after {limit:.0f} s\n".encode())
    verdict: Literal["ok", "FAIL", "skip"] = "ok" if code == 0 else "skip" if code == SKIPPED else "FAIL"
    return Outcome(check, verdict, time.monotonic() - started, log.read_text(errors="replace").strip())


def announce_as_they_end(
    pending: set[Future[Outcome]], running: dict[str, processes.Process], announce: Callable[[Outcome], None]
) -> None:
    """Announce each check as it ends; when none did for a while, name those that run."""
    while pending:
        done, pending = wait(pending, timeout=SILENCE, return_when=FIRST_COMPLETED)
        for future in done:
            announce(future.result())
        if not done:
            print(f"...   {', '.join(sorted(running))}", flush=True)


def run_all(checks: list[Check], announce: Callable[[Outcome], None], limit: float = TOTAL_LIMIT) -> list[Outcome]:
    """Run the checks side by side and announce each as it ends; nothing runs on when this is interrupted."""
    LOGS.mkdir(parents=True, exist_ok=True)
    running: dict[str, processes.Process] = {}
    deadline = time.monotonic() + limit
    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        futures = [pool.submit(run, check, running, deadline) for check in checks]
        try:
            announce_as_they_end(set(futures), running, announce)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for process in list(running.values()):
                processes.end(process)
            raise
        return [future.result() for future in futures]


def announce(outcome: Outcome) -> None:
    """One line for one check."""
    reason = f"  {outcome.output}" if outcome.verdict == "skip" else ""
    print(f"{outcome.verdict:<4}  {outcome.check.name:<20} {outcome.seconds:6.1f} s{reason}", flush=True)


def report(outcomes: list[Outcome]) -> int:
    """Output of the checks that failed; the exit code."""
    failed = [outcome for outcome in outcomes if outcome.verdict == "FAIL"]
    for outcome in failed:
        print(f"\n--- {outcome.check.name}\n{outcome.output}")
    skipped = sum(outcome.verdict == "skip" for outcome in outcomes)
    passed = len(outcomes) - len(failed) - skipped
    print(f"\nlint: {passed} checks passed, {len(failed)} failed, {skipped} skipped", flush=True)
    return 1 if failed else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("names", nargs="*", choices=[[], *(check.name for check in CHECKS)], metavar="check")
    names = parser.parse_args().names
    chosen = [check for check in CHECKS if not names or check.name in names]
    return report(run_all(chosen, announce))


if __name__ == "__main__":
    sys.exit(processes.interruptible(main))
