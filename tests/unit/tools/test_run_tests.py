# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tools import lint, run_tests
from tools.run_tests import Result, exit_code, read_junit, summary, table

REPORT = """\
<testsuites><testsuite name="pytest">
  <testcase name="a"/>
  <testcase name="b"/>
  <testcase classname="e2e.test_x" name="c"><failure message="no"/></testcase>
  <testcase classname="e2e.test_x" name="d"><error message="set-up"/></testcase>
  <testcase name="e"><skipped type="pytest.skip" message="needs root"/></testcase>
  <testcase name="f"><skipped type="pytest.skip" message="needs root"/></testcase>
  <testcase name="g"><skipped message="collection skipped">('/test_g.py', 8, 'Skipped: no parser')</skipped></testcase>
</testsuite></testsuites>
"""


def test_junit_report(tmp_path: Path):
    report = tmp_path / "report.xml"
    report.write_text(REPORT)
    result = read_junit(report)
    assert (result.passed, result.skipped) == (2, {"needs root": 2, "no parser": 1})
    assert result.failed == ["e2e.test_x::c", "e2e.test_x::d"]


def molecule_suite(monkeypatch: pytest.MonkeyPatch, codes: dict[str, int | None]) -> tuple[Result, list[str]]:
    """What the suite counts, and the scenarios it ran, where each ends with its code."""
    ran: list[str] = []

    def start(command: list[str], *_arguments: object) -> str:
        ran.append(command[-1])
        return command[-1]

    monkeypatch.setattr(run_tests, "scenarios", lambda: list(codes))
    monkeypatch.setattr(run_tests.processes, "start", start)
    monkeypatch.setattr(run_tests.processes, "wait", lambda name, *_limits: codes[name])
    suite = next(suite for suite in run_tests.SUITES if suite.name == "molecule")
    return suite.run(suite, 60), ran


def test_molecule_is_skipped_scenario_by_scenario(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("KUBEOPS_E2E_FULL", raising=False)
    result, ran = molecule_suite(monkeypatch, {"etcd": 0, "cluster": 0})
    assert ran == []
    assert list(result.skipped.values()) == [2]
    assert "KUBEOPS_E2E_FULL=1" in next(iter(result.skipped))


def test_molecule_counts_scenarios(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(run_tests, "no_molecule", lambda: "")
    result, ran = molecule_suite(monkeypatch, {"etcd": 0, "cluster": 1, "slow": None})
    assert ran == ["etcd", "cluster", "slow"]
    assert (result.passed, result.failed, result.skipped.total()) == (1, ["cluster", "slow"], 0)


def test_lint_names_the_checks_that_failed(monkeypatch: pytest.MonkeyPatch):
    outcomes = [
        lint.Outcome(lint.CHECKS[0], "FAIL", 3.0, "running\nplugins/a.py:1:1: bad\n\n"),
        lint.Outcome(lint.CHECKS[1], "FAIL", 3.0, ""),
        lint.Outcome(lint.CHECKS[2], "ok", 3.0, ""),
        lint.Outcome(lint.CHECKS[3], "skip", 3.0, "no such tool"),
    ]
    monkeypatch.setattr(lint, "run_all", lambda *_arguments: outcomes)
    suite = next(suite for suite in run_tests.SUITES if suite.name == "lint")
    result = suite.run(suite, 60)
    assert (result.passed, result.skipped.total()) == (1, 1)
    assert result.failed == ["sanity-newest: plugins/a.py:1:1: bad", "sanity-oldest: no output"]


def test_scenarios_are_found():
    assert {"cluster", "etcd", "node_prep"} <= set(run_tests.scenarios())
    assert "shared" not in run_tests.scenarios()


def test_table_and_summary():
    results = {
        "unit-newest": Result(passed=10, seconds=3.4),
        "e2e": Result(failed=["test_x::c"], skipped=Counter({"no bundle": 2}), seconds=60.0),
    }
    assert table(results) == [
        "suite             passed  failed  skipped  seconds",
        "unit-newest           10       0        0        3",
        "e2e                    0       1        2       60",
        "                 failed: test_x::c",
        "                 skipped 2: no bundle",
    ]
    assert summary(results) == "10 passed, 1 failed, 2 skipped"


@pytest.mark.parametrize(
    ("results", "code"),
    [
        ([Result(passed=1)], 0),
        ([Result(passed=1), Result(skipped=Counter({"no bundle": 2}))], 0),
        ([Result(passed=9), Result(failed=["c"])], 1),
        ([Result(skipped=Counter({"no bundle": 2}))], 1),
        ([Result()], 1),
        ([], 1),
    ],
)
def test_exit_code(results: list[Result], code: int):
    assert exit_code({str(number): result for number, result in enumerate(results)}) == code
