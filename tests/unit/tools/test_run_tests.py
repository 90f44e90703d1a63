# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

from tools.run_tests import Result, read_junit, summary, table, wait

REPORT = """\
<testsuites><testsuite name="pytest">
  <testcase name="a"/>
  <testcase name="b"/>
  <testcase name="c"><failure message="no"/></testcase>
  <testcase name="d"><error message="set-up"/></testcase>
  <testcase name="e"><skipped type="pytest.skip" message="needs root"/></testcase>
  <testcase name="f"><skipped type="pytest.skip" message="needs root"/></testcase>
</testsuite></testsuites>
"""


def test_junit_report(tmp_path: Path):
    report = tmp_path / "report.xml"
    report.write_text(REPORT)
    result = read_junit(report)
    assert (result.passed, result.failed, result.skipped) == (2, 2, Counter({"needs root": 2}))


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


def test_a_suite_over_its_time_is_interrupted():
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], stderr=subprocess.DEVNULL)
    assert wait(process, 1) is None
    assert process.returncode != 0


def test_a_suite_within_its_time_ends_with_its_own_code():
    assert wait(subprocess.Popen([sys.executable, "-c", "raise SystemExit(3)"]), 60) == 3
