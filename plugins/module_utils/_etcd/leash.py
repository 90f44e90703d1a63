# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeps programs from outliving the module that started them."""

from __future__ import annotations

from collections.abc import Sequence

from .._core.runner import Runner


def held(runner: Runner, argv: Sequence[str]) -> list[str]:
    """Return a command line that ends when the module is killed, where the node has setpriv (util-linux)."""
    setpriv = runner.which("setpriv")
    return [setpriv, "--pdeathsig", "KILL", *argv] if setpriv else list(argv)
