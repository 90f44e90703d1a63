# SPDX-License-Identifier: GPL-3.0-or-later
"""What tests of several packages need."""

from __future__ import annotations

import shutil
from typing import Any, cast

import pytest
from ansible_collections.kubeops.cluster.plugins.module_utils._core.runner import Runner


class Module:
    """The one thing the runner asks of a module."""

    def get_bin_path(self, name: str, opt_dirs: list[str]) -> str | None:
        return shutil.which(name)


@pytest.fixture
def runner() -> Runner:
    """Runs commands on the machine of the tests."""
    return Runner(cast(Any, Module()))
