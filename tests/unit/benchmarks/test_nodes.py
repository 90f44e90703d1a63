# SPDX-License-Identifier: GPL-3.0-or-later
"""Stages of a plain script, read from what it prints."""

from __future__ import annotations

from pathlib import Path

from tests.benchmarks.nodes import stage_seconds

TEXT = """\
  0 s  start
  31 s  images of 1.35.6
  200 s  API servers to 1.35.6
  9 s  images of 1.36.3
  100 s  workers to 1.36.3
"""


def test_images_are_told_apart() -> None:
    assert stage_seconds(TEXT, "images of ") == 40.0
    assert stage_seconds(TEXT, "kubelets") == 0.0


def test_the_script_names_its_stages_so() -> None:
    scripts = Path(__file__).parents[2] / "benchmarks"
    assert 'stage "images of $version"' in (scripts / "upgrade.sh").read_text()
    assert 'echo "  $((SECONDS - since)) s  $now"' in (scripts / "nodes.sh").read_text()
