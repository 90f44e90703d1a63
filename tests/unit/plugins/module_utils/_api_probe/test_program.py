# SPDX-License-Identifier: GPL-3.0-or-later
"""What the probe counts, and that it keeps its pace while requests hang."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path

import pytest
from ansible_collections.kubeops.cluster.plugins.module_utils._api_probe import program


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr(program.time, "monotonic", lambda: now[0])
    return now


def test_account(clock: list[float]) -> None:
    account = program.Account("then")
    for at, failure in [(100.1, ""), (100.2, "HTTP 503"), (100.3, "TimeoutError"), (102.6, ""), (102.7, "")]:
        clock[0] = at
        account.enter(program.READ, 0.05, failure)
    assert (account.requests, account.failed, account.slowest) == (5, 2, 0.05)
    assert account.longest_outage == 2.5
    assert [entry["reason"] for entry in account.failures] == ["HTTP 503", "TimeoutError"]
    assert set(account.as_dict()) == {"started", "requests", "failed", "slowest", "longest_outage", "failures"}


def test_only_the_first_failures_are_told(clock: list[float]) -> None:
    account = program.Account("then")
    for _each in range(50):
        account.enter(program.WRITE, 1.0, "HTTP 500")
    assert (account.failed, len(account.failures)) == (50, program.SHOWN_FAILURES)


def test_an_account_is_continued(tmp_path: Path) -> None:
    path = tmp_path / "account.json"
    path.write_text(
        '{"started": "then", "requests": 7, "failed": 1, "slowest": 2.0, "longest_outage": 1.5, "failures": []}'
    )
    account = program.continued(str(path))
    assert (account.started, account.requests, account.failed) == ("then", 7, 1)
    assert program.continued(str(tmp_path / "none")).requests == 0


def test_a_request_that_hangs_keeps_no_other_back(tmp_path: Path) -> None:
    stop, path = threading.Event(), str(tmp_path / "account.json")
    sent: list[str] = []

    def send(kind: str) -> str:
        sent.append(kind)
        if len(sent) == 1:
            stop.wait(30)
        return ""

    thread = threading.Thread(target=program.run, args=(send, program.Account("then"), 20.0, path, stop))
    thread.start()
    deadline = time.monotonic() + 30
    while len(sent) < 20 and time.monotonic() < deadline:
        time.sleep(0.05)
    stop.set()
    thread.join()
    account = json.loads(Path(path).read_text())
    assert account["requests"] == len(sent) >= 20
    assert {program.READ, program.WRITE} <= set(sent)


@pytest.mark.parametrize(
    ("status", "seconds", "expected"),
    [
        pytest.param(200, 0.1, "", id="answered"),
        pytest.param(503, 0.1, "HTTP 503", id="refused"),
        pytest.param(200, 9.04, "answered after 9.0 s", id="handshake and answer, each within the time"),
        pytest.param(500, 6.0, "answered after 6.0 s", id="late and refused"),
    ],
)
def test_what_counts_as_an_answer(status: int, seconds: float, expected: str) -> None:
    assert program.verdict(status, seconds, 5.0) == expected


def test_a_lease_that_is_refused_for_long_ends_the_program(monkeypatch: pytest.MonkeyPatch, clock: list[float]) -> None:
    asked: list[float] = []

    def refuse(*_request: str) -> int:
        asked.append(clock[0])
        return 403

    monkeypatch.setattr(program.Client, "_request", refuse)
    monkeypatch.setattr(program.time, "sleep", lambda seconds: clock.__setitem__(0, clock[0] + seconds))
    with pytest.raises(OSError, match="403"):
        program.Client("h:1", "ca", "id", 5.0).make_lease(3.0)
    assert asked == [100.0, 101.0, 102.0, 103.0, 104.0]
