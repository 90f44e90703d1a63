# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs a module of the collection as a node runs it: a process of its own, with the options as JSON."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).parents[1]
MODULES = "ansible_collections.kubeops.cluster.plugins.modules"


def run(module: str, options: dict[str, Any], *, check: bool = False, **popen: Any) -> dict[str, Any]:
    """The module's result, with failed where it failed."""
    environment = {**os.environ, "PYTHONPATH": os.environ["ANSIBLE_COLLECTIONS_PATH"]}
    arguments = json.dumps({"ANSIBLE_MODULE_ARGS": {**options, "_ansible_check_mode": check}})
    argv = [sys.executable, "-m", f"{MODULES}.{module}"]
    done = subprocess.run(argv, input=arguments, env=environment, capture_output=True, text=True, check=False, **popen)
    return _result(done, done.stdout)


def run_by_ansible(module: str, options: dict[str, Any]) -> dict[str, Any]:
    """The same by an ad-hoc call of the real ansible."""
    ansible = str(Path(sys.executable).with_name("ansible"))
    local = ["localhost", "-c", "local", "-e", f"ansible_python_interpreter={sys.executable}"]
    environment = {**os.environ, "ANSIBLE_CALLBACK_RESULT_FORMAT": "json", "ANSIBLE_NOCOLOR": "1"}
    argv = [ansible, *local, "-m", f"kubeops.cluster.{module}", "-a", json.dumps(options)]
    done = subprocess.run(argv, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False)
    return _result(done, done.stdout.partition("=> ")[2])


def _result(done: subprocess.CompletedProcess[str], text: str) -> dict[str, Any]:
    start = text.find("{")
    assert start >= 0, done.stdout + done.stderr
    result: dict[str, Any] = json.JSONDecoder().raw_decode(text[start:])[0]
    result["failed"] = done.returncode != 0
    return result
