# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a CA is made, and where it is not."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.kubeops.cluster.plugins.module_utils._core.errors import Refusal
from ansible_collections.kubeops.cluster.plugins.modules import cert_authority


def asked(directory: Path, *, make: bool, check: bool = False) -> Any:
    params = {
        "cert": str(directory / "ca.crt"), "key": str(directory / "ca.key"), "common_name": "etcd-ca",
        "valid_for": "1d", "key_type": "ecdsa-p256", "make": make, "owner": "", "group": "",
    }  # fmt: skip
    return SimpleNamespace(params=params, check_mode=check)


@pytest.mark.parametrize("check", [False, True])
@pytest.mark.parametrize("left", [(), ("ca.key",), ("ca.crt",)])
def test_a_second_ca_is_refused(tmp_path: Path, left: tuple[str, ...], check: bool) -> None:
    cert_authority.ensure(asked(tmp_path, make=True))
    for path in tmp_path.iterdir():
        if path.name not in left:
            path.unlink()
    with pytest.raises(Refusal) as error:
        cert_authority.ensure(asked(tmp_path, make=False, check=check))
    assert error.value.rule == "ca_missing"
    assert sorted(path.name for path in tmp_path.iterdir()) == list(left)


def test_one_that_is_there_stays(tmp_path: Path) -> None:
    assert cert_authority.ensure(asked(tmp_path, make=True, check=True)) == {
        "changed": True, "certificate": "", "not_after": "",
    }  # fmt: skip
    made = cert_authority.ensure(asked(tmp_path, make=True))
    for make in (True, False):
        assert cert_authority.ensure(asked(tmp_path, make=make)) == {**made, "changed": False}
