# SPDX-License-Identifier: GPL-3.0-or-later
"""The certificate that the client shows while it counts."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from ansible_collections.kubeops.cluster.plugins.module_utils._api_probe import unit
from ansible_collections.kubeops.cluster.plugins.module_utils._kubeadm import paths


def test_a_client_that_counts_takes_the_certificate_that_admin_conf_has_by_now(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin, identity = tmp_path / "admin.conf", tmp_path / "api-probe.pem"
    monkeypatch.setattr(paths, "ADMIN_CONF", str(admin))
    monkeypatch.setattr(unit, "IDENTITY", str(identity))
    for content in ("old", "new"):
        encoded = base64.b64encode(content.encode()).decode()
        admin.write_text(f"    client-certificate-data: {encoded}\n    client-key-data: {encoded}\n")
        unit.take_identity()
        assert identity.read_text().split() == [content] * 2
        assert identity.stat().st_mode & 0o777 == 0o600
