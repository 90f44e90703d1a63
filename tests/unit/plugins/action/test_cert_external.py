# SPDX-License-Identifier: GPL-3.0-or-later
"""Which requests come to lie on the controller."""

from __future__ import annotations

import ssl
from datetime import datetime, timezone
from pathlib import Path

import pytest
from ansible_collections.kubeops.cluster.plugins.action import cert_external
from ansible_collections.kubeops.cluster.plugins.module_utils._x509 import duration, issue


@pytest.mark.parametrize(
    ("there", "dry", "changed", "after"),
    [
        ("", False, True, "csr"),
        ("", True, True, ""),
        ("other", True, True, "other"),
        ("csr", True, False, "csr"),
        ("csr", False, False, "csr"),
    ],
    ids=["new", "new, in check mode", "another, in check mode", "there, in check mode", "there"],
)
def test_what_is_written_and_what_is_only_said(
    tmp_path: Path, there: str, dry: bool, changed: bool, after: str
) -> None:
    path = tmp_path / "cp1" / "apiserver.csr"
    if there:
        path.parent.mkdir()
        path.write_text(there)
    written = cert_external._write(tmp_path / "cp1", {"apiserver": "csr"}, dry=dry)
    assert written == ([str(path)], changed)
    assert (path.read_text() if path.exists() else "") == after


def test_a_certificate_may_come_as_der(tmp_path: Path) -> None:
    now = datetime(2026, 11, 21, tzinfo=timezone.utc)
    pem = issue.make_ca(issue.make_key("ecdsa-p256"), "example", now, duration.parse("9d", "")).decode()
    (tmp_path / "a.crt").write_bytes(ssl.PEM_cert_to_DER_cert(pem))
    (tmp_path / "b.crt").write_text(f"0 s:CN=example\n{pem}")
    (tmp_path / "c.crt").write_bytes(b"\xff")
    signed = cert_external._signed(tmp_path)
    assert signed["a"].split() == pem.split()
    assert (signed["b"], signed["c"]) == (f"0 s:CN=example\n{pem}", "\N{REPLACEMENT CHARACTER}")
