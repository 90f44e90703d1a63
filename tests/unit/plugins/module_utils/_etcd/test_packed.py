# SPDX-License-Identifier: GPL-3.0-or-later
"""What is said of packed snapshots that do not open."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
from ansible_collections.kubeops.cluster.plugins.module_utils._core.errors import KubeopsError
from ansible_collections.kubeops.cluster.plugins.module_utils._core.runner import Runner
from ansible_collections.kubeops.cluster.plugins.module_utils._etcd import packed, packing, snapshot
from ansible_collections.kubeops.cluster.plugins.module_utils._etcd.packing import Packer, Packing

DATABASE = bytes(range(256)) * 16
NAME = "etcd-prod-20261121T010000Z-daily.db"


def kept(folder: Path, runner: Runner, how: Packing) -> str:
    """A packed snapshot with its manifest, and two passphrases beside it."""
    for program in (how.compression, how.encryption):
        if program not in ("none", "gzip") and not shutil.which(program):
            pytest.skip(f"there is no {program}")
    for name in ("right", "wrong"):
        (folder / name).write_text(f"{name}\n")
    plain, path = folder / "plain", folder / (NAME + how.suffix)
    digest = hashlib.sha256(DATABASE)
    plain.write_bytes(DATABASE + digest.digest())
    Packer(runner, str(folder / "right")).pack(str(plain), str(path), how)
    manifest = {"size": plain.stat().st_size, "sha256": digest.hexdigest()}
    manifest["stored"] = {"size": path.stat().st_size, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
    Path(f"{path}.json").write_text(json.dumps(manifest))
    plain.unlink()
    return str(path)


@pytest.mark.parametrize("compression", list(packing.COMPRESSIONS))
def test_a_wrong_passphrase_says_nothing_against_the_snapshot(
    tmp_path: Path, runner: Runner, monkeypatch: pytest.MonkeyPatch, compression: str
) -> None:
    """Openssl ends with 0 whatever the passphrase is."""
    path = kept(tmp_path, runner, Packing(compression, "openssl"))
    there = sorted(tmp_path.iterdir())
    with pytest.raises(KubeopsError) as error, packed.opened(path, Packer(runner, str(tmp_path / "wrong"))):
        pass
    assert error.value.what == f"{path} was encrypted with another passphrase"
    assert "decryption_file" in error.value.fix and "another snapshot" not in str(error.value)
    monkeypatch.setattr(snapshot, "pages", lambda _path: SimpleNamespace(revision=7, raft_index=9, members={}))
    with packed.opened(path, Packer(runner, str(tmp_path / "right"))) as (plain, facts):
        assert (Path(plain).read_bytes()[:-32], facts.revision) == (DATABASE, 7)
    assert sorted(tmp_path.iterdir()) == there


def test_what_goes_wrong_with_the_snapshot_in_hand_is_no_passphrase(
    tmp_path: Path, runner: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = kept(tmp_path, runner, Packing("none", "openssl"))
    monkeypatch.setattr(snapshot, "pages", lambda _path: SimpleNamespace(revision=7, raft_index=9, members={}))
    packer = Packer(runner, str(tmp_path / "right"))
    with pytest.raises(KubeopsError, match="of another cluster"), packed.opened(path, packer):
        raise KubeopsError("of another cluster", details={"check": "proof"})


def test_damage_that_the_source_had_is_no_passphrase(tmp_path: Path, runner: Runner) -> None:
    """The hash is right, and what it is of is no database."""
    path = kept(tmp_path, runner, Packing("none", "openssl"))
    with pytest.raises(KubeopsError, match="pages"), packed.opened(path, Packer(runner, str(tmp_path / "right"))):
        pass


@pytest.mark.parametrize("how", [Packing("gzip", "openssl"), Packing("gzip"), Packing("none", "openssl")])
def test_a_changed_byte_is_one(tmp_path: Path, runner: Runner, how: Packing) -> None:
    path = kept(tmp_path, runner, how)
    content = bytearray(Path(path).read_bytes())
    content[-1] ^= 1
    Path(path).write_bytes(content)
    with pytest.raises(KubeopsError, match="a byte was changed"), packed.opened(path, Packer(runner)):
        pass
