# SPDX-License-Identifier: GPL-3.0-or-later
"""Run every test this machine can run and say what passed, failed and was skipped, and why (``make test``).

Arguments select suites by name. What a suite needs and this machine has not makes its tests skip with a reason;
the last line sums everything up: ``N passed, N failed, N skipped``.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

from tools import lint, paths

REPORTS = paths.BUILD / "reports"
NOTHING_COLLECTED = 5  # pytest's exit code
INTERRUPT_GRACE = 60  # seconds that a suite gets to clean up after its time is over


@dataclass
class Result:
    """Counts of one suite; skips by reason."""

    passed: int = 0
    failed: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0


@dataclass(frozen=True)
class Suite:
    """A named set of tests. limit is in seconds; a suite that takes longer has failed."""

    name: str
    run: Callable[[Suite], Result]
    folder: str = ""
    venv: Path = paths.VENV_NEWEST
    limit: int = 600


def run_lint(suite: Suite) -> Result:
    """Every check of `make lint` counts as one test."""
    outcomes = lint.run_all(list(lint.CHECKS), lint.announce)
    lint.report(outcomes)
    passed = sum(outcome.passed for outcome in outcomes)
    return Result(passed=passed, failed=len(outcomes) - passed)


def read_junit(report: Path) -> Result:
    """Counts of a pytest report in JUnit's format; an error in set-up or collection is a failure."""
    result = Result()
    for case in ElementTree.parse(report).iter("testcase"):
        skip = case.find("skipped")
        if case.find("failure") is not None or case.find("error") is not None:
            result.failed += 1
        elif skip is not None:
            result.skipped[skip.get("message") or "no reason given"] += 1
        else:
            result.passed += 1
    return result


def wait(process: subprocess.Popen[bytes], limit: int) -> int | None:
    """Exit code, or None when the time was over; then the suite is interrupted, so that it cleans up, or killed."""
    try:
        return process.wait(limit)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGINT)
    try:
        process.wait(INTERRUPT_GRACE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    return None


def run_pytest(suite: Suite) -> Result:
    """Run a folder of tests with one of the two environments."""
    python = suite.venv / "bin" / "python"
    if not any((paths.ROOT / suite.folder).rglob("test_*.py")):
        return Result()
    if not python.exists():
        return Result(skipped=Counter({f"{suite.venv.name}: no Python for it on this machine": 1}))
    report = REPORTS / f"{suite.name}.xml"
    report.unlink(missing_ok=True)
    argv = [
        str(python),
        "-m",
        "pytest",
        "-q",
        "--continue-on-collection-errors",
        suite.folder,
        f"--junitxml={report}",
        "-o",
        "junit_family=xunit2",
    ]
    environment = {**os.environ, "PATH": f"{suite.venv / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}"}
    code = wait(subprocess.Popen(argv, cwd=paths.ROOT, env=environment), suite.limit)
    result = read_junit(report) if report.is_file() else Result()
    if code is None:
        print(f"{suite.name}: not done after {suite.limit} s")
    if code not in (0, NOTHING_COLLECTED) and not result.failed:
        result.failed = 1  # pytest itself failed, or ran out of time
    return result


SUITES = (
    Suite("lint", run_lint),
    Suite("unit-newest", run_pytest, "tests/unit"),
    Suite("unit-oldest", run_pytest, "tests/unit", venv=paths.VENV_OLDEST),
    Suite("integration", run_pytest, "tests/integration"),
    Suite("integration-lab", run_pytest, "tests/integration_lab"),
    Suite("e2e", run_pytest, "tests/e2e", limit=1500),
)


def run(suite: Suite) -> Result:
    """Run a suite under a heading and note its time."""
    print(f"\n=== {suite.name}", flush=True)
    started = time.monotonic()
    result = suite.run(suite)
    result.seconds = time.monotonic() - started
    return result


def table(results: dict[str, Result]) -> list[str]:
    """One line for each suite, with the reasons of its skips below it."""
    lines = [f"{'suite':<16} {'passed':>7} {'failed':>7} {'skipped':>8} {'seconds':>8}"]
    for name, result in results.items():
        counts = f"{result.passed:>7} {result.failed:>7} {result.skipped.total():>8} {result.seconds:>8.0f}"
        lines.append(f"{name:<16} {counts}")
        lines += [f"{'':<16} skipped {count}: {reason}" for reason, count in result.skipped.most_common()]
    return lines


def summary(results: dict[str, Result]) -> str:
    """The closing line."""
    values = results.values()
    skipped = sum(result.skipped.total() for result in values)
    return f"{sum(r.passed for r in values)} passed, {sum(r.failed for r in values)} failed, {skipped} skipped"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("names", nargs="*", choices=[[], *(suite.name for suite in SUITES)], metavar="suite")
    names = parser.parse_args().names
    REPORTS.mkdir(parents=True, exist_ok=True)
    results = {suite.name: run(suite) for suite in SUITES if not names or suite.name in names}
    print("\n" + "\n".join(table(results)))
    print(summary(results))
    return 1 if any(result.failed for result in results.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
