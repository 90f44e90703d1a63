# SPDX-License-Identifier: GPL-3.0-or-later
"""Run every test this machine can run and say what passed, failed and was skipped, and why (``make test``).

Arguments select suites by name. What a suite needs and this machine has not makes its tests skip with a reason.
Everything together takes at most ``--minutes``: a suite whose time is over is interrupted, and has failed.
The table at the end names what failed, since of a long log often only the end is kept.
The last line sums everything up: ``N passed, N failed, N skipped``.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

from tools import lint, paths, processes

REPORTS = paths.BUILD / "reports"
MINUTES = 75  # for everything: a net under a slow machine, not the time it should take
INTERRUPT_GRACE = 60  # seconds that a suite gets to remove its machines after its time is over
FULL = "KUBEOPS_E2E_FULL"  # set for what takes too long for every run
SETUP_LIMIT = 300  # seconds for the lab's packages


@dataclass
class Result:
    """What came of one suite: a count, a line for each failure, skips by reason."""

    passed: int = 0
    failed: list[str] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0


@dataclass(frozen=True)
class Suite:
    """A named set of tests. limit is in seconds; a suite that takes longer has failed."""

    name: str
    run: Callable[[Suite, float], Result]
    folder: str = ""
    venv: Path = paths.VENV_NEWEST
    limit: float = 1200
    uses_lab: bool = False


def run_lint(_suite: Suite, limit: float) -> Result:
    """Every check of `make lint` counts as one test."""
    outcomes = lint.run_all(list(lint.CHECKS), lint.announce, limit)
    lint.report(outcomes)
    passed = sum(outcome.verdict == "ok" for outcome in outcomes)
    failed = [f"{outcome.check.name}: {last_line(outcome.output)}" for outcome in outcomes if outcome.verdict == "FAIL"]
    skipped = Counter(f"{outcome.check.name}: {outcome.output}" for outcome in outcomes if outcome.verdict == "skip")
    return Result(passed, failed, skipped)


def last_line(text: str) -> str:
    """The last line with something in it, where most tools say what was wrong."""
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "no output")


def skip_reason(skip: ElementTree.Element) -> str:
    """Why a test was skipped; of a whole file, pytest gives the reason in the text: (path, line, 'Skipped: why')."""
    message = skip.get("message") or "no reason given"
    if message != "collection skipped":
        return message
    return (skip.text or message).rpartition("Skipped: ")[2].rstrip("')\"")


def read_junit(report: Path) -> Result:
    """A pytest report in JUnit's format; an error in set-up or collection is a failure."""
    result = Result()
    for case in ElementTree.parse(report).iter("testcase"):
        skip = case.find("skipped")
        if case.find("failure") is not None or case.find("error") is not None:
            result.failed.append(f"{case.get('classname')}::{case.get('name')}")
        elif skip is not None:
            result.skipped[skip_reason(skip)] += 1
        else:
            result.passed += 1
    return result


def pytest_command(suite: Suite, report: Path) -> list[str]:
    """On machines, the names of tests as they begin; else one process for each core. A report at the end."""
    python = str(suite.venv / "bin" / "python")
    words = ["--continue-on-collection-errors", f"--junitxml={report}", "-o", "junit_family=xunit2"]
    return [python, "-m", "pytest", *(["-v"] if suite.uses_lab else ["-q", "-n", "auto"]), *words, suite.folder]


def run_pytest(suite: Suite, limit: float) -> Result:
    """Run a folder of tests with one of the two environments."""
    if not (suite.venv / "bin" / "python").exists():
        return Result(skipped=Counter({f"{suite.venv.name}: no Python for it on this machine": 1}))
    report = REPORTS / f"{suite.name}.xml"
    report.unlink(missing_ok=True)
    environment = {**os.environ, "PATH": f"{suite.venv / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}"}
    process = processes.start(pytest_command(suite, report), paths.ROOT, environment)
    code = processes.wait(process, limit, INTERRUPT_GRACE)
    if code is None:
        print(f"{suite.name}: not done after {limit:.0f} s", flush=True)
    result = read_junit(report) if report.is_file() else Result()
    if code != 0 and not result.failed:
        result.failed.append("pytest itself failed, found no test, or ran out of time")
    return result


def scenarios() -> list[str]:
    """Molecule's scenarios by name."""
    return sorted(path.parent.name for path in (paths.ROOT / "molecule").glob("*/molecule.yml"))


def no_molecule() -> str:
    """Why no scenario is run; empty where they are."""
    if not os.environ.get(FULL):
        return f"takes too long for every run; {FULL}=1 runs it, and so does make molecule"
    if os.geteuid() != 0:
        return "the lab's nodes need root"
    if not shutil.which("systemd-nspawn"):
        return "systemd-nspawn is not installed (python3 -m tests.lab setup)"
    return ""


def run_molecule(suite: Suite, limit: float) -> Result:
    """Every scenario counts as one test."""
    reason, deadline, result = no_molecule(), time.monotonic() + limit, Result()
    for scenario in scenarios():
        if reason:
            result.skipped[reason] += 1
            continue
        command = [str(suite.venv / "bin" / "molecule"), "test", "-s", scenario]
        process = processes.start(command, paths.ROOT, os.environ)
        if processes.wait(process, max(0.0, deadline - time.monotonic()), INTERRUPT_GRACE) == 0:
            result.passed += 1
        else:
            result.failed.append(scenario)
    return result


SUITES = (
    Suite("lint", run_lint, limit=lint.TOTAL_LIMIT),
    Suite("unit-newest", run_pytest, "tests/unit", limit=300),
    Suite("unit-oldest", run_pytest, "tests/unit", venv=paths.VENV_OLDEST, limit=300),
    Suite("integration", run_pytest, "tests/integration", uses_lab=True),
    Suite("integration-lab", run_pytest, "tests/integration_lab", uses_lab=True),
    Suite("e2e", run_pytest, "tests/e2e", limit=float("inf"), uses_lab=True),
    Suite("molecule", run_molecule, limit=float("inf"), uses_lab=True),
)


def prepare_lab() -> None:
    """Install what the lab needs. Where that can't be, say so: the tests that need it skip with their reasons."""
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        print("\nNo lab: its machines need root and a Linux of the Debian family. Tests on machines are skipped.")
        return
    process = processes.start([sys.executable, "-m", "tests.lab", "setup"], paths.ROOT, os.environ)
    if processes.wait(process, SETUP_LIMIT) != 0:
        print("\nNo lab: its packages could not be installed (above). Tests on machines are skipped.", flush=True)


def run(suite: Suite, deadline: float) -> Result:
    """Run a suite under a heading and note its time."""
    print(f"\n=== {suite.name}", flush=True)
    started = time.monotonic()
    result = suite.run(suite, max(0.0, min(suite.limit, deadline - started)))
    result.seconds = time.monotonic() - started
    return result


def table(results: dict[str, Result]) -> list[str]:
    """One line for each suite; below it, what failed and why tests were skipped."""
    lines = [f"{'suite':<16} {'passed':>7} {'failed':>7} {'skipped':>8} {'seconds':>8}"]
    for name, result in results.items():
        counts = f"{result.passed:>7} {len(result.failed):>7} {result.skipped.total():>8} {result.seconds:>8.0f}"
        lines.append(f"{name:<16} {counts}")
        lines += [f"{'':<16} failed: {failure}" for failure in result.failed]
        lines += [f"{'':<16} skipped {count}: {reason}" for reason, count in result.skipped.most_common()]
    return lines


def summary(results: dict[str, Result]) -> str:
    """The closing line."""
    values = results.values()
    skipped = sum(result.skipped.total() for result in values)
    return f"{sum(r.passed for r in values)} passed, {sum(len(r.failed) for r in values)} failed, {skipped} skipped"


def exit_code(results: dict[str, Result]) -> int:
    """0 where something passed and nothing failed."""
    values = results.values()
    return 0 if any(result.passed for result in values) and not any(result.failed for result in values) else 1


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("names", nargs="*", choices=[[], *(suite.name for suite in SUITES)], metavar="suite")
    parser.add_argument("--minutes", type=float, default=MINUTES, help="for everything together (default: %(default)s)")
    arguments = parser.parse_args()
    REPORTS.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + 60 * arguments.minutes
    chosen = [suite for suite in SUITES if not arguments.names or suite.name in arguments.names]
    if any(suite.uses_lab for suite in chosen):
        prepare_lab()
    results = {suite.name: run(suite, deadline) for suite in chosen}
    print("\n" + "\n".join(table(results)))
    print(summary(results))
    return exit_code(results)


if __name__ == "__main__":
    sys.exit(processes.interruptible(main))
