# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The certificates of many nodes as one report, a table and a Prometheus metric (pure)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from .policy import LEVELS, OK, order

Row = Mapping[str, Any]
HEADINGS = ("VERDICT", "LEFT", "ENDS (UTC)", "HOST", "CERTIFICATE", "PATH")


def report(
    hosts: Iterable[str], took_part: Iterable[str], results: Mapping[str, Mapping[str, Any]], fail_on: str
) -> dict[str, Any]:
    """Put the results of cert_check together.

    Args:
        hosts: everything that belongs to the cluster, in inventory order.
        took_part: hosts of this run, whether they answered or not.
        results: what cert_check returned, by host; a failed one has msg instead of certificates.
        fail_on: never, or the level from which entries are due.

    Returns:
        certificates (with host, soonest first), verdict, counts by verdict, due, left_out, not_checked (why, by host),
        clock_offset (seconds ahead of the controller, by host).
    """
    known, part = list(dict.fromkeys(hosts)), set(took_part)
    rows = [
        {"host": host, **row} for host in known if host in part for row in results.get(host, {}).get("certificates", ())
    ]
    rows.sort(key=_order)
    counted = Counter(row["verdict"] for row in rows)
    return {
        "certificates": rows,
        "verdict": max(counted, key=LEVELS.index, default=OK),
        "counts": {level: counted.get(level, 0) for level in LEVELS},
        "due": [sentence(row) for row in rows if is_due(row["verdict"], fail_on)],
        "left_out": [host for host in known if host not in part],
        "not_checked": {
            host: results.get(host, {}).get("msg") or "it was not reached"
            for host in known
            if host in part and "certificates" not in results.get(host, {})
        },
        "clock_offset": {
            host: results[host].get("clock_offset")
            for host in known
            if host in part and "certificates" in results.get(host, {})
        },
    }


def is_due(verdict: str, fail_on: str) -> bool:
    """Whether a verdict is this level or worse."""
    return fail_on != "never" and LEVELS.index(verdict) >= LEVELS.index(fail_on)


def sentence(row: Row) -> str:
    """One entry and everything that is wrong with it."""
    reasons = "; ".join(reason["message"] for reason in row["reasons"])
    return f"{row['host']} {row['name']} ({row['path']}): {row['verdict']}, {reasons}"


def table(found: Mapping[str, Any]) -> list[str]:
    """Lines of a report for people: aligned columns, reasons below their entry, then what is missing."""
    cells = [HEADINGS, *map(_cells, found["certificates"])]
    widths = [max(map(len, column)) for column in zip(*cells)]
    lines = ["  ".join(map(str.ljust, line, widths)).rstrip() for line in cells]
    shown = [lines[0]]
    for line, row in zip(lines[1:], found["certificates"]):
        shown += [line, *(f"    {_advice(reason)}" for reason in row["reasons"])]
    return [*shown, *_ending(found)]


def left(seconds: float | None) -> str:
    """Time left in its two largest units: 364d 23h, 5h 12m, 3m 10s; minus when it is over."""
    if seconds is None:
        return "-"
    days, rest = divmod(int(abs(seconds)), 86400)
    hours, rest = divmod(rest, 3600)
    minutes, rest = divmod(rest, 60)
    units = ((days, "d", hours, "h"), (hours, "h", minutes, "m"), (minutes, "m", rest, "s"))
    large, name, small, smaller = next((unit for unit in units if unit[0]), units[-1])
    return f"{'-' if seconds < 0 else ''}{large}{name} {small}{smaller}"


def metrics(rows: Iterable[Row], checked_at: float) -> str:
    """Textfile of one node: end and verdict of every entry, and when it was looked at."""
    named = [(_labels(row), row) for row in rows]
    ends = [(labels, _end(row)) for labels, row in named if row["certificate"]]
    verdicts = [(labels, LEVELS.index(row["verdict"])) for labels, row in named]
    scale = ", ".join(f"{index} {level}" for index, level in enumerate(LEVELS))
    families = (
        ("not_after_timestamp_seconds", "When the certificate ends.", ends),
        ("verdict", f"Verdict: {scale}.", verdicts),
        ("checked_timestamp_seconds", "When the certificates of the node were checked.", [("", int(checked_at))]),
    )
    return "# Managed by kubeops.cluster\n" + "".join(_family(*family) for family in families)


def _order(row: Row) -> tuple[Any, ...]:
    """What cannot be read first, then by the time left, then what is good and has no end (a bare key pair)."""
    return row["seconds_left"] is None and row["verdict"] == OK, *order(row), row["host"]


def _cells(row: Row) -> tuple[str, ...]:
    end = row["certificate"]["not_after"][:16].replace("T", " ") if row["certificate"] else "-"
    return row["verdict"], left(row["seconds_left"]), end, row["host"], row["name"], row["path"]


def _advice(reason: Mapping[str, str]) -> str:
    return f"{reason['level']}: {reason['message']}" + (f" -> {reason['fix']}" if reason["fix"] else "")


def _ending(found: Mapping[str, Any]) -> list[str]:
    counts = ", ".join(f"{count} {level}" for level, count in found["counts"].items() if count)
    lines = [counts or "no certificate was found"]
    if found["left_out"]:
        lines.append(f"left out of this run: {', '.join(found['left_out'])}")
    return lines + [f"not checked: {host}: {why}" for host, why in found["not_checked"].items()]


def _end(row: Row) -> int:
    return int(datetime.strptime(row["certificate"]["not_after"], "%Y-%m-%dT%H:%M:%S%z").timestamp())


def _labels(row: Row) -> str:
    return f'{{name="{_escaped(row["name"])}",path="{_escaped(row["path"])}"}}'


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _family(name: str, text: str, samples: Sequence[tuple[str, int]]) -> str:
    full = f"kubeops_certificate_{name}"
    unique = dict(reversed(samples))  # of entries that share labels the soonest counts
    lines = [f"# HELP {full} {text}", f"# TYPE {full} gauge", *(f"{full}{at} {value}" for at, value in unique.items())]
    return "\n".join(lines) + "\n"
