# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs a module of the collection with the real ansible on this machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).parents[3]


def command(module: str, options: dict[str, Any], *words: str) -> list[str]:
    """The command line of an ad-hoc call."""
    ansible = str(Path(sys.executable).with_name("ansible"))
    local = ["localhost", "-c", "local", "-e", f"ansible_python_interpreter={sys.executable}"]
    return [ansible, *local, *words, "-m", f"kubeops.cluster.{module}", "-a", json.dumps(options)]


def run(module: str, options: dict[str, Any], *words: str, **popen: Any) -> dict[str, Any]:
    """The module's result, with failed where it failed."""
    environment = {**os.environ, "ANSIBLE_CALLBACK_RESULT_FORMAT": "json", "ANSIBLE_NOCOLOR": "1"}
    done = subprocess.run(
        command(module, options, *words),
        cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False, **popen,
    )  # fmt: skip
    __, arrow, after = done.stdout.partition("=> ")
    assert arrow, done.stdout + done.stderr
    result: dict[str, Any] = json.JSONDecoder().raw_decode(after)[0]
    result["failed"] = done.returncode != 0
    return result
