# SPDX-License-Identifier: GPL-3.0-or-later
"""What a check of a whole node says besides the verdict of each certificate."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import pytest
from ansible_collections.kubeops.cluster.plugins.module_utils._x509 import check, table

NOW = datetime(2026, 1, 1, tzinfo=timezone.utc)


def checked(reference: float) -> dict[str, Any]:
    options = {"warning": "30d,10%", "critical": "7d,3%", "groups": [], "paths": [], "endpoints": []}
    options["ca_warning"] = "365d,10%"
    more = {"api_server_names": [], "node_addresses": [], "served": False, "timeout": 1.0, "max_clock_offset": 60.0}
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
