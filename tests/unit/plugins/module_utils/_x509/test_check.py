# SPDX-License-Identifier: GPL-3.0-or-later
"""What a check of a whole node says besides the verdict of each certificate."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.kubeops.cluster.plugins.module_utils._x509 import check, estate, issue, load, table
from ansible_collections.kubeops.cluster.plugins.module_utils._x509.served import Served

NOW = datetime(2026, 1, 1, tzinfo=timezone.utc)


def checked(reference: float, *, served: bool = False) -> dict[str, Any]:
    options = {"warning": "30d,10%", "critical": "7d,3%", "groups": [], "paths": [], "endpoints": []}
    options["ca_warning"] = "365d,10%"
    more = {"api_server_names": [], "node_addresses": [], "served": served, "timeout": 1.0, "max_clock_offset": 60.0}
    return check.check({**options, **more, "reference_time": reference}, NOW)


@pytest.mark.parametrize(
    ("ahead", "offset", "reasons"),
    [
        (None, None, []),
        (0.04, 0.0, []),
        (-60.0, -60.0, []),
        (60.2, 60.2, [("clock_offset", "critical")]),
        (-3600.0, -3600.0, [("clock_offset", "critical")]),
    ],
    ids=["not compared", "right", "as far as it may be", "ahead", "behind"],
)
def test_a_wrong_clock_is_a_finding(ahead: float | None, offset: float | None, reasons: list[tuple[str, str]]) -> None:
    result = checked(0.0 if ahead is None else NOW.timestamp() - ahead)
    rows = [row for row in result["certificates"] if row["name"] == "clock"]
    assert result["clock_offset"] == offset
    assert [(reason["id"], reason["level"]) for row in rows for reason in row["reasons"]] == reasons
    assert result["counts"]["critical"] >= len(reasons)
    report = table.report(["cp1"], ["cp1"], {"cp1": result}, "critical")
    assert len([line for line in report["due"] if line.startswith("cp1 clock ")]) == len(reasons)
    assert ('name="clock"' in table.metrics(result["certificates"], 0)) is bool(reasons)


@pytest.mark.parametrize(
    ("there", "rows"),
    [
        (False, {"kubelet (served)": ["expired"]}),
        (True, {"kubelet-server": ["expired"]}),
    ],
    ids=["no file of that name", "the file"],
)
def test_what_a_kubelet_serves_is_judged_where_its_file_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: bool, rows: dict[str, list[str]]
) -> None:
    ca_key = issue.make_key("ecdsa-p256")
    began = NOW - timedelta(days=20)
    ca = issue.make_ca(ca_key, "w1-ca@1", began, timedelta(days=3650))
    leaf = issue.Leaf("w1@1", (), ("w1",), (), (issue.SERVER,))
    key, pem = issue.issue(leaf, ca, ca_key, began, timedelta(days=10), "ecdsa-p256")
    if there:
        (tmp_path / "kubelet.crt").write_bytes(pem)
        (tmp_path / "kubelet.key").write_bytes(key)
        (tmp_path / "kubelet.key").chmod(0o600)
    layout = estate.Layout(kubernetes=str(tmp_path), kubelet=estate.Kubelet("w1", cert_dir=str(tmp_path)))
    monkeypatch.setattr(check.observe, "layout", lambda **_options: layout)
    monkeypatch.setattr(
        check, "all_served", lambda ports, _timeout: {each: Served(each, load.certificates(pem)[0]) for each in ports}
    )
    found = checked(0.0, served=True)["certificates"]
    seen = {row["name"]: [reason["id"] for reason in row["reasons"]] for row in found if row["served"]}
    assert seen == rows
