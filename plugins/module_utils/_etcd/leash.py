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
ROOM_FOR_LOG = 128 * 1024 * 1024  # etcd allocates its first segment, 64 MiB, and the next one ahead
# What the kernel says where the node lacks something.
LACKING = (
    "no space left on device", "disk quota exceeded", "read-only file system", "input/output error",
    "cannot allocate memory", "out of memory", "too many open files", "resource temporarily unavailable",
)  # fmt: skip


def lacked(code: int | None, said: str) -> bool:
    """Tell whether a program ended for want of something, not for its data (pure).

    code: its exit code, None for one that did not end; that of a signal is what a limit of memory gives.
    """
    return code is None or code < 0 or code > 128 or any(words in said.lower() for words in LACKING)


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
            details={"rc": done.rc},
        )
