# SPDX-License-Identifier: GPL-3.0-or-later
"""Machines of the lab for the tests below."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.integration_lab.lab_runner import LabRunner, obstacle
from tests.lab.image import ensure_base
from tests.lab.paths import Paths


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    reason = obstacle()
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.lab)
            if reason:
                item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session")
def base() -> None:
    """Building the base is no part of a test's time."""
    ensure_base(Paths.from_environment())


@contextmanager
def runner() -> Iterator[LabRunner]:
    """A lab directory that is there for a while."""
    made = LabRunner(Path(tempfile.mkdtemp(prefix="kubeops-lab-test-", dir="/var/lib")))
    try:
        yield made
    finally:
        made("clean")
        shutil.rmtree(made.paths.state, ignore_errors=True)


@pytest.fixture
def lab(base: None) -> Iterator[LabRunner]:
    """No machines yet."""
    with runner() as made:
        yield made


@pytest.fixture(scope="module")
def shared_lab(base: None) -> Iterator[LabRunner]:
    """One for all tests of a file."""
    with runner() as made:
        yield made
