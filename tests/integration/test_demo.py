# SPDX-License-Identifier: GPL-3.0-or-later
"""`make demo`: the whole tour, and what it leaves behind."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.embedded_etcd import binaries

STOPS = ("write", "take and prove", "flip a byte", "lose quorum", "rescue", "verify")


def test_the_tour_ends_in_a_report_and_leaves_nothing() -> None:
    if not binaries():
        pytest.skip("no etcd: neither in a bundle, nor on PATH, nor among the test requirements")
    environment = {**os.environ, "PYTHONPATH": os.environ["ANSIBLE_COLLECTIONS_PATH"]}
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-m", "tools.demo"], cwd=root, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    __, found, report = done.stdout.partition("\nReport, ")
    assert found and all(f"\n  {title}" in report for title in STOPS), done.stdout
    assert not list(Path(tempfile.gettempdir()).glob("kubeops-demo-*"))
