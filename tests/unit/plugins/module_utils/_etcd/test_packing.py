# SPDX-License-Identifier: GPL-3.0-or-later
"""What a file's name tells of its packing."""

from __future__ import annotations

import pytest
from ansible_collections.kubeops.cluster.plugins.module_utils._core.errors import KubeopsError, Refusal
from ansible_collections.kubeops.cluster.plugins.module_utils._core.runner import Runner
from ansible_collections.kubeops.cluster.plugins.module_utils._etcd import packing
from ansible_collections.kubeops.cluster.plugins.module_utils._etcd.packing import Packer, Packing


@pytest.mark.parametrize("compression", list(packing.COMPRESSIONS))
@pytest.mark.parametrize("encryption", list(packing.ENCRYPTIONS))
def test_a_name_tells_its_packing(compression: str, encryption: str) -> None:
    wanted = Packing(compression, encryption)
    assert packing.of(f"/b/etcd-prod-20261121T010000Z-daily.db{wanted.suffix}") == wanted
    assert bool(wanted) == ((compression, encryption) != ("none", "none"))


def test_without_a_key_nothing_begins(runner: Runner, tmp_path_factory: pytest.TempPathFactory) -> None:
    with pytest.raises(Refusal) as refused:
        Packer(runner).refuse(Packing(encryption="openssl"))
    assert refused.value.rule == "packing_key"


def test_a_file_that_is_not_gzip(runner: Runner, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("packed")
    (folder / "x.db.gz").write_bytes(b"no gzip at all")
    with pytest.raises(KubeopsError, match="cannot be unpacked"), Packer(runner).opened(str(folder / "x.db.gz")):
        pass
    assert [path.name for path in folder.iterdir()] == ["x.db.gz"]
