# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeps programs from outliving the module that started them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from .._core.errors import KubeopsError
from .._core.runner import Runner

SHOWN = 1500


def held(runner: Runner, argv: Sequence[str]) -> list[str]:
    """Return a command line that ends when the module is killed, where the node has setpriv (util-linux)."""
    setpriv = runner.which("setpriv")
    return [setpriv, "--pdeathsig", "KILL", *argv] if setpriv else list(argv)


def restore(runner: Runner, held_argv: Sequence[str], timeout: float, env: Mapping[str, str] | None = None) -> None:
    """Run etcdutl's restore, as held() or more made it; raises KubeopsError with what it says."""
    done = runner.run(held_argv, check=False, timeout=timeout, env=env)
    if done.rc != 0:
        program = next((word for word in held_argv if Path(word).name == "etcdutl"), "etcdutl")
        raise KubeopsError(
            f"{program} could not restore the snapshot",
            seen=f"exit code {done.rc}: {(done.stderr or done.stdout).strip()[-SHOWN:]}",
        )
