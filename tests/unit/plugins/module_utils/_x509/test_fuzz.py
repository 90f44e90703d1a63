# SPDX-License-Identifier: GPL-3.0-or-later
"""A short run of the fuzzer; `python -m tests.fuzz` is the long one."""

from __future__ import annotations

import pytest

from tests.fuzz.certificates import run


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_whatever_the_input_the_outcome_is_the_model_or_unreadable() -> None:
    report = run(6600, seed=7)
    assert not report.crashes, str(report)
    assert report.outcomes["PEM: read"] and report.outcomes["PEM: malformed"], str(report)
    assert report.outcomes["answer: read"] and report.outcomes["answered request: refused"], str(report)
    assert report.outcomes["static pod: read"] and report.outcomes["kubelet: read"], str(report)
    assert report.outcomes["etcd unit: read"] and report.outcomes["etcd settings: read"], str(report)
