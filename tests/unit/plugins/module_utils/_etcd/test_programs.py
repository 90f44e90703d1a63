# SPDX-License-Identifier: GPL-3.0-or-later
"""Where etcd's programs are found."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.kubeops.cluster.plugins.module_utils._core.errors import KubeopsError
from ansible_collections.kubeops.cluster.plugins.module_utils._core.runner import Programs, Runner
from ansible_collections.kubeops.cluster.plugins.module_utils._etcd import programs


@pytest.fixture
def running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The directory of an etcd that runs, beside one on PATH."""
    for name in ("installed", "path"):
        (tmp_path / name).mkdir()
        for program in ("etcd", "etcdutl"):
            shutil.copy(shutil.which("sleep") or "", tmp_path / name / program)
    monkeypatch.setenv("PATH", str(tmp_path / "path"), prepend=":")
    process = subprocess.Popen([str(tmp_path / "installed" / "etcd"), "60"])
    monkeypatch.setattr(programs.processes, "running", lambda _name: [process.pid])
    yield tmp_path
    process.kill()
    process.wait()


@pytest.mark.parametrize(
    ("bin_dir", "gone", "found"),
    [
        ("", "", {"etcd": "installed", "etcdutl": "installed"}),
        ("", "installed/etcdutl", {"etcd": "installed", "etcdutl": "path"}),
        # As with one in a container, whose path says nothing on the node.
        ("", "installed/etcd", {"etcd": "path", "etcdutl": "path"}),
        ("path", "", {"etcd": "path", "etcdutl": "path"}),
        ("path", "path/etcd", {"etcdutl": "path"}),
    ],
)
def test_programs_are_those_of_the_etcd_that_runs(
    running: Path, bin_dir: str, gone: str, found: dict[str, str]
) -> None:
    if gone:
        (running / gone).unlink()
    source = programs.Source(Runner(Programs()), str(running / bin_dir) if bin_dir else "")
    expected = {name: str(running / directory / name) for name, directory in found.items()}
    assert source.present(["etcd", "etcdutl"]) == expected


def image(path: Path) -> None:
    """An archive as `docker save` writes it, with etcdutl in its one layer."""
    with tarfile.open(path, "w") as outer:
        layer = io.BytesIO()
        with tarfile.open(fileobj=layer, mode="w") as inner:
            add(inner, "usr/local/bin/etcdutl", b"#!" + bytes(20000))
        add(outer, "layer.tar", layer.getvalue())
        add(outer, "manifest.json", json.dumps([{"Layers": ["layer.tar"]}]).encode())


def add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    archive.addfile(entry, io.BytesIO(content))


# By the words of containerd's ctr 1.6, which does not know --local, and of 2.2, which without it may be cut off.
CTR_16 = """#!/bin/sh
[ "$5" != --local ] || { echo 'flag provided but not defined: -local' >&2; exit 1; }
cp "$IMAGE" "$5"
"""
CTR_22 = """#!/bin/sh
[ "$5" = --local ] && exec cp "$IMAGE" "$6"
head -c 5000 "$IMAGE" > "$5"
"""
CUT_OFF = """#!/bin/sh
head -c 5000 "$IMAGE" > "$6"
"""


@pytest.fixture
def ctr(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a test writes its ctr, the only client on PATH."""
    (tmp_path / "bin").mkdir()
    for name in ("cp", "head"):
        (tmp_path / "bin" / name).symlink_to(shutil.which(name) or "")
    image(tmp_path / "image.tar")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("IMAGE", str(tmp_path / "image.tar"))
    monkeypatch.setattr(programs.workdir, "room", lambda: str(tmp_path))
    monkeypatch.setattr(programs, "directory_of_running", lambda: "")
    return tmp_path / "bin" / "ctr"


@pytest.mark.parametrize("text", [CTR_16, CTR_22])
def test_programs_come_whole_out_of_an_image(ctr: Path, text: str) -> None:
    ctr.write_text(text)
    ctr.chmod(0o755)
    with programs.Source(Runner(Programs()), image="etcd:3.6.8").at_hand(["etcdutl"]) as found:
        assert len(Path(found["etcdutl"]).read_bytes()) == 20002
    assert not Path(found["etcdutl"]).exists()


def test_an_archive_that_is_cut_off_is_an_error_with_a_way_out(ctr: Path) -> None:
    ctr.write_text(CUT_OFF)
    ctr.chmod(0o755)
    source = programs.Source(Runner(Programs()), image="etcd:3.6.8")
    with pytest.raises(KubeopsError, match=r"image etcd:3\.6\.8 cannot be read") as told, source.at_hand(["etcdutl"]):
        pass
    assert "the archive that ctr wrote" in told.value.seen
    assert "bin_dir" in told.value.fix
