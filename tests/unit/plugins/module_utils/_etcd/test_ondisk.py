# SPDX-License-Identifier: GPL-3.0-or-later
"""What is told of disks that cannot be read."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.kubeops.cluster.plugins.module_utils._etcd import ondisk


@pytest.mark.parametrize("identify", [True, False])
def test_a_disk_that_gives_an_error_is_damaged(tmp_path: Path, identify: bool) -> None:
    (tmp_path / "member" / "snap" / "db").mkdir(parents=True)  # the kernel refuses to read a directory
    found = ondisk.observe(str(tmp_path), identify=identify)
    assert found.has_data and not found.running and "Is a directory" in found.damage


@pytest.mark.parametrize("content", [b"", b"x" * 8192])
def test_a_file_that_is_no_database_is_damaged(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "member" / "snap").mkdir(parents=True)
    (tmp_path / "member" / "snap" / "db").write_bytes(content)
    found = ondisk.observe(str(tmp_path), identify=False)
    assert found.has_data and found.damage


def test_no_disk_of_a_member(tmp_path: Path) -> None:
    assert ondisk.observe(str(tmp_path)) == ondisk.OnDisk(has_data=False)


@pytest.mark.parametrize(
    ("manifest", "asked", "told"),
    [
        ("    - etcd\n    - --data-dir=/srv/etcd\n    - --name=cp1\n", "", ("/srv/etcd", "")),
        (
            "    - etcd\n    - --listen-metrics-urls=http://127.0.0.1:2391,http://192.0.2.11:2391\n",
            "http://127.0.0.1:2381",
            ("/var/lib/etcd", "http://127.0.0.1:2391"),
        ),
        ("    - etcd\n    - --name=cp1\n", "http://127.0.0.1:2381", ("/var/lib/etcd", "http://127.0.0.1:2381")),
        ("", "", ("/var/lib/etcd", "")),
    ],
)
def test_kubeadm_s_etcd_says_where_data_and_metrics_are(
    monkeypatch: pytest.MonkeyPatch, manifest: str, asked: str, told: tuple[str, str]
) -> None:
    monkeypatch.setattr(ondisk.pods, "manifest_text", lambda _name: manifest)
    assert ondisk.of_static_pod("/var/lib/etcd", asked) == told
