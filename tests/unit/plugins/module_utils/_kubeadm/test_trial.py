# SPDX-License-Identifier: GPL-3.0-or-later
"""A changed file stays where its reader becomes healthy with it; else the file replaced comes back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.kubeops.cluster.plugins.module_utils._core.errors import KubeopsError
from ansible_collections.kubeops.cluster.plugins.module_utils._core.runner import Programs, Runner
from ansible_collections.kubeops.cluster.plugins.module_utils._kubeadm import trial

RUNNER = Runner(Programs())
NOTHING_SEEN = {"kubelet_log": ["unknown flag"], "dead_container": {}}


@dataclass
class Process:
    """What reads one file: a new process once the file is another one; what it reads decides how it fares."""

    path: Path
    text: str = ""
    number: int = 0
    restarts: int = 0
    read: list[str] = field(default_factory=list)

    def attempt(self) -> str:
        """As one poll sees it. What dies is started again by the next."""
        text = self.path.read_text() if self.path.exists() else ""
        if text == "unreadable":
            raise KubeopsError("crictl ps failed")
        if text not in (self.text, "ignored") or text == "dies":
            self.text = text
            self.number += 1
            self.read.append(text)
        return str(self.number)

    def healthy(self) -> bool:
        return self.text in ("old", "new")

    def reader(self) -> trial.Reader:
        return trial.Reader("it", 0o600, self._restart, self.attempt, self.healthy)

    def _restart(self) -> None:
        self.restarts += 1


@pytest.fixture
def process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Process]:
    clock = count()
    monkeypatch.setattr(trial, "HEALTH_TIMEOUT", 30.0)
    monkeypatch.setattr(trial, "WAY_BACK_TIMEOUT", 42.0)
    monkeypatch.setattr(trial.clock, "monotonic", lambda: float(next(clock)))
    monkeypatch.setattr(trial.time, "sleep", lambda _seconds: None)
    monkeypatch.setattr(trial.files, "keep_aside", lambda *_arguments: None)
    monkeypatch.setattr(trial.command, "gather_evidence", lambda _runner: NOTHING_SEEN)
    return Process(tmp_path / "file")


@pytest.mark.parametrize(
    ("name", "flags", "url"),
    [
        ("etcd", [], "http://127.0.0.1:2381/readyz"),
        ("etcd", ["listen-metrics-urls=http://192.0.2.1:2381,http://127.0.0.1:2381"], "http://192.0.2.1:2381/readyz"),
        ("kube-scheduler", ["bind-address=127.0.0.1"], "https://127.0.0.1:10259/healthz"),
        ("kube-scheduler", ["bind-address=192.0.2.1", "secure-port=9999"], "https://192.0.2.1:9999/healthz"),
        ("kube-controller-manager", ["bind-address=0.0.0.0"], "https://127.0.0.1:10257/healthz"),
    ],
)
def test_health_is_asked_where_the_manifest_says(
    name: str, flags: list[str], url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trial.paths, "MANIFESTS", str(tmp_path))
    (tmp_path / f"{name}.yaml").write_text("".join(f"    - --{flag}\n" for flag in flags))
    assert trial.health_url(name) == url


@pytest.mark.parametrize(
    ("old", "new", "options", "left", "words"),
    [
        pytest.param("old", "new", {}, "new", "", id="works"),
        pytest.param(
            "old", "dies", {}, "old", "died 3 times with the new settings; it runs with the old ones again", id="dies"
        ),
        pytest.param("old", "hangs", {}, "old", "did not become healthy within 30 s with the new", id="never healthy"),
        pytest.param("old", "ignored", {}, "old", "it runs with the old ones again", id="never read at all"),
        pytest.param(
            "old", "unreadable", {}, "old", "could not be restarted (crictl ps failed)", id="not to be watched"
        ),
        pytest.param("old", "dies", {"way_back": False}, "dies", "it was left so", id="no way back"),
        pytest.param("hangs", "dies", {}, "dies", "it was left so", id="what was there did no better"),
        pytest.param("dies", "new", {}, "new", "", id="a bad one is corrected"),
        pytest.param(None, "new", {}, "new", "", id="there was none"),
    ],
)
def test_change(process: Process, old: str | None, new: str, options: dict[str, Any], left: str, words: str) -> None:
    if old is not None:
        process.path.write_text(old)
    said = ""
    try:
        trial.change(RUNNER, process.reader(), {str(process.path): new}, **options)
    except KubeopsError as error:
        said = str(error)
        assert "unknown flag" in said
        assert "correct the setting and run again" in said
    assert (words in said) if words else said == ""
    assert process.path.read_text() == left
    assert process.restarts == (2 if left != new else 1)


def test_what_does_not_work_with_the_old_file_either_is_said(process: Process, monkeypatch: pytest.MonkeyPatch) -> None:
    process.path.write_text("old")
    monkeypatch.setattr(process, "healthy", lambda: process.read == ["old"])
    with pytest.raises(KubeopsError, match="were put back, but it did not become healthy within 42 s with them"):
        trial.change(RUNNER, process.reader(), {str(process.path): "hangs"})
    assert process.path.read_text() == "old"


def test_one_good_look_is_not_enough(process: Process, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kubelet answers for a moment before it finds that it cannot go on."""
    process.path.write_text("old")
    monkeypatch.setattr(process, "healthy", lambda: True)
    with pytest.raises(KubeopsError, match="died 3 times"):
        trial.change(RUNNER, process.reader(), {str(process.path): "dies"})


def test_a_file_that_was_not_there_goes_again(process: Process, tmp_path: Path) -> None:
    process.path.write_text("old")
    flags = tmp_path / "flags"
    with pytest.raises(KubeopsError):
        trial.change(RUNNER, process.reader(), {str(process.path): "dies", str(flags): "x"})
    assert not flags.exists()
