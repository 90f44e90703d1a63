# SPDX-License-Identifier: GPL-3.0-or-later
"""What a trial that fails says of the snapshot."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from ansible_collections.kubeops.cluster.plugins.module_utils._core.errors import KubeopsError
from ansible_collections.kubeops.cluster.plugins.module_utils._core.runner import Runner
from ansible_collections.kubeops.cluster.plugins.module_utils._etcd import leash, throwaway
from ansible_collections.kubeops.cluster.plugins.module_utils._etcd.throwaway import NotProvenError

SILENT = "no answer from it"
WRITTEN = "#!/bin/sh\n"


class Finder:
    """No program but those that are named by their path."""

    def get_bin_path(self, arg: str, required: bool = False, opt_dirs: list[str] | None = None) -> str | None:
        return None if arg == "setpriv" else f"/usr/bin/{arg}"


@pytest.fixture
def trial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], object]:
    """Try a snapshot with an etcdutl and an etcd that are these scripts."""
    monkeypatch.setattr(throwaway.workdir, "room", lambda: str(tmp_path))
    monkeypatch.setattr(throwaway.os, "geteuid", lambda: 1)
    monkeypatch.setattr(throwaway, "START_SECONDS", 0.3)
    (tmp_path / "s.db").write_text("data")

    def run(etcdutl: str, etcd: str) -> None:
        programs = {}
        for name, text in (("etcdutl", etcdutl), ("etcd", etcd)):
            programs[name] = str(tmp_path / name)
            (tmp_path / name).write_text(WRITTEN + text)
            (tmp_path / name).chmod(0o700)
        with throwaway.running(Runner(Finder()), programs, str(tmp_path / "s.db"), hashed=True):
            raise AssertionError("it started")

    return run


@pytest.mark.parametrize(
    ("etcdutl", "etcd", "kind", "words"),
    [
        ("echo no space left on device >&2; exit 1", "", NotProvenError, "no space left"),
        ("kill -9 $$", "", NotProvenError, "exit code -9"),
        ("echo expected sha256 >&2; exit 1", "", KubeopsError, "expected sha256"),
        ("true", "echo panic: page 7; exit 2", KubeopsError, "panic: page 7"),
        ("true", "kill -9 $$", NotProvenError, "did not start"),
        ("true", "exec sleep 9", NotProvenError, "did not start"),
    ],
)
def test_only_what_etcd_says_of_the_data_is_held_against_it(
    trial: Callable[[str, str], object], etcdutl: str, etcd: str, kind: type[KubeopsError], words: str
) -> None:
    with pytest.raises(KubeopsError, match=words) as raised:
        trial(etcdutl, etcd)
    assert raised.type is kind


def test_without_room_nothing_is_tried(trial: Callable[[str, str], object], monkeypatch: pytest.MonkeyPatch) -> None:
    free = SimpleNamespace(free=leash.ROOM_FOR_LOG + 3)
    monkeypatch.setattr(throwaway.shutil, "disk_usage", lambda _place: free)
    with pytest.raises(NotProvenError, match="has no room"):
        trial("exit 1", "exit 1")


@pytest.mark.parametrize(
    ("details", "unanswered"),
    [
        ({}, True),
        ({"status": 503}, True),
        ({"status": 504}, True),
        ({"status": 400}, False),
        ({"check": "proof"}, False),
    ],
)
def test_an_answer_is_the_data_s(details: dict[str, object], unanswered: bool) -> None:
    assert throwaway._unanswered(KubeopsError(SILENT, details=details)) is unanswered
