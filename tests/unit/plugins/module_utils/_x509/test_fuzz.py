# SPDX-License-Identifier: GPL-3.0-or-later
"""A short run of the fuzzer, and that it notices; `make fuzz` is the long one."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.fuzz import certificates


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_whatever_the_input_the_outcome_is_the_model_or_unreadable() -> None:
    report = certificates.run(8000, seed=7)
    assert not report.breaches, str(report)
    assert report.outcomes["PEM: read"] and report.outcomes["PEM: malformed"], str(report)
    assert report.outcomes["answer: read"] and report.outcomes["answered request: refused"], str(report)
    assert report.outcomes["static pod: read"] and report.outcomes["kubelet: read"], str(report)
    assert report.outcomes["etcd unit: read"] and report.outcomes["etcd settings: read"], str(report)


def endless(_data: bytes) -> object:
    while True:
        pass


@pytest.mark.parametrize(
    ("parse", "breach"),
    [
        (lambda data: data.decode("ascii").index("?"), "ValueError"),
        (endless, "Hang"),
    ],
    ids=["crash", "hang"],
)
def test_a_breach_is_named_with_its_input(
    monkeypatch: pytest.MonkeyPatch, parse: Callable[[bytes], object], breach: str
) -> None:
    monkeypatch.setattr(certificates, "parsers", lambda: [certificates.Parser("p", parse, (b"seed",))])
    monkeypatch.setattr(certificates, "HANG_SECONDS", 0.05)
    monkeypatch.setattr(certificates, "mutated", lambda _chance, seed: seed)
    report = certificates.run(2)
    ((name, count),) = report.breaches.items()
    assert name.startswith(f"p: {breach} at test_fuzz.py:") and count == 2
    assert report.examples == {name: b"seed".hex()}
    assert str(report).splitlines()[-1].startswith("1 parsers, 2 inputs, seed 0, cryptography ")


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    peaks = iter([50.0, 50.0 + certificates.GROWTH_MIB + 1])
    monkeypatch.setattr(certificates, "_memory", lambda: next(peaks))
    assert list(certificates.run(1).breaches) == ["memory grew by more than 64 MiB"]
