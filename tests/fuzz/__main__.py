# SPDX-License-Identifier: GPL-3.0-or-later
"""Mutated certificates, keys, requests, answers, kubeconfigs, manifests and settings against their parsers.

    python -m tests.fuzz [--inputs 1000000] [--seed 0]        (make fuzz ARGS="--inputs 1000")

The outcome of every input has to be the model or a refusal. Anything else is a crash; one that takes five seconds of
processor time is interrupted as a hang; memory may not grow by more than 64 MiB, nor reach 1 GiB at any moment.
A breach is printed with its input as hexadecimal digits and makes the exit code 1. Where an input ends the process
itself, or a library never returns from it, .build/fuzz.input holds it. The last line is the record of the run.
"""

from __future__ import annotations

import argparse
import faulthandler
import resource
import sys
from importlib import import_module

import_module("conftest")  # makes the collection importable

from tools import paths

from .certificates import run

ADDRESS_SPACE = 1 << 30


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--inputs", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    faulthandler.enable()
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
    report = run(arguments.inputs, arguments.seed, paths.BUILD / "fuzz.input")
    print(report)
    return 1 if report.breaches else 0


if __name__ == "__main__":
    sys.exit(main())
