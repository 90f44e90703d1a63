# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tools.run_tests import Result, exit_code, read_junit, summary, table

REPORT = """\
<testsuites><testsuite name="pytest">
  <testcase name="a"/>
  <testcase name="b"/>
  <testcase name="c"><failure message="no"/></testcase>
  <testcase name="d"><error message="set-up"/></testcase>
  <testcase name="e"><skipped type="pytest.skip" message="needs root"/></testcase>
  <testcase name="f"><skipped type="pytest.skip" message="needs root"/></testcase>
  <testcase name="g"><skipped message="collection skipped">('/test_g.py', 8, 'Skipped: no parser')</skipped></testcase>
</testsuite></testsuites>
"""


def test_junit_report(tmp_path: Path):
    report = tmp_path / "report.xml"
    report.write_text(REPORT)
    result = read_junit(report)
    assert (result.passed, result.failed, result.skipped) == (2, 2, {"needs root": 2, "no parser": 1})


def test_table_and_summary():
    results = {
        "unit-newest": Result(passed=10, seconds=3.4),
        "e2e": Result(failed=1, skipped=Counter({"no bundle": 2}), seconds=60.0),
    }
    assert table(results) == [
        "suite             passed  failed  skipped  seconds",
        "unit-newest           10       0        0        3",
        "e2e                    0       1        2       60",
        "                 skipped 2: no bundle",
    ]
    assert summary(results) == "10 passed, 1 failed, 2 skipped"


@pytest.mark.parametrize(
    ("results", "code"),
    [
        ([Result(passed=1)], 0),
        ([Result(passed=1), Result(skipped=Counter({"no bundle": 2}))], 0),
        ([Result(passed=9), Result(failed=1)], 1),
        ([Result(skipped=Counter({"no bundle": 2}))], 1),
        ([Result()], 1),
        ([], 1),
    ],
)
def test_exit_code(results: list[Result], code: int):
    assert exit_code({str(number): result for number, result in enumerate(results)}) == code
