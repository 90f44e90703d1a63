# SPDX-License-Identifier: GPL-3.0-or-later
"""Mutated certificates, keys, requests, answers, kubeconfigs, manifests and settings against their parsers.

    python -m tests.fuzz [--inputs 1000000] [--seed 0]

The outcome of every input has to be the model or a refusal. Anything else is a crash, more than a
second of processor time is a hang; both end the run with exit code 1 and the input as hexadecimal digits.
"""

from __future__ import annotations

import argparse
import sys
from importlib import import_module

import_module("conftest")  # makes the collection importable

from .certificates import run


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--inputs", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    report = run(arguments.inputs, arguments.seed)
    print(report)
    return 1 if report.crashes else 0


if __name__ == "__main__":
    sys.exit(main())
