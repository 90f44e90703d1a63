# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole check of one node: estate, files, ports, verdicts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from .._core import processes
from .._core.errors import KubeopsError
from . import extra, observe, policy
from .estate import (
    CA,
    CLOCK,
    CLUSTER_CA,
    KUBECONFIG,
    Endpoint,
    Entry,
    Layout,
    estate,
    is_own_api,
    served_without_file,
)
from .model import Certificate, File
from .served import Served, all_served


def check(options: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """Return certificates, verdict, counts and clock_offset; options are those of cert_check."""
    warning, critical, ca_warning = (
        policy.threshold(options[name], name) for name in ("warning", "critical", "ca_warning")
    )
    layout = observe.layout(groups=options["groups"], node_addresses=options["node_addresses"])
    entries = estate(layout, options["api_server_names"])
    further, unseen = extra.entries(options["paths"], entries)
    found = observe.observe(entries) + observe.missing_manifests(layout) + observe.unread_configs(layout)
    found += [_of_cluster(_unmatched(one), layout, options["api_server_names"]) for one in observe.observe(further)]
    found += [_unseen(options["paths"], unseen)] if unseen else []
    made, asked = [*served_without_file(layout), *_without_row(entries, found)], _asked(options["endpoints"])
    ports = [*(endpoint for entry in entries for endpoint in entry.endpoints), *made, *asked]
    served = all_served(ports, options["timeout"]) if options["served"] else {}
    began = processes.started(sorted({component for entry in entries for component in entry.read_once}))
    standard = policy.Standard(now, warning, critical, authorities(found), served, began, ca_warning)
    rows = [policy.as_dict(one, policy.judge(one, standard), standard) for one in found]
    offset = _clock_offset(options, now)
    wrong = _wrong_clock(offset, options["max_clock_offset"])
    rows += [policy.as_dict(one, [reason], standard) for one, reason in wrong]
    rows += [_port(served[endpoint], standard) for endpoint in made if endpoint in served]
    rows += [_port(served[endpoint], standard, (endpoint.host,)) for endpoint in asked if endpoint in served]
    return {**_summed(sorted(rows, key=policy.order)), "clock_offset": offset}


def authorities(found: Iterable[observe.Found]) -> dict[str, Sequence[Certificate]]:
    """Every CA of the estate by the name of its entry: of several files the first."""
    known = [one for one in found if one.entry.use == CA and one.certificates]
    return {one.entry.name: one.certificates for one in reversed(known)}


def _without_row(entries: Iterable[Entry], found: Iterable[observe.Found]) -> list[Endpoint]:
    """Ports of entries whose file may be missing and is: what they serve is looked at all the same."""
    seen = {one.file.path for one in found}
    return [endpoint for entry in entries if entry.path not in seen for endpoint in entry.endpoints]


def _unmatched(found: observe.Found) -> observe.Found:
    if found.file.problem == "missing" and extra.is_pattern(found.entry.path):
        return replace(found, problems=(("no_match", "nothing matches this pattern"),))
    if found.file.problem == "not_a_file" and extra.is_directory(found.entry.path):
        return replace(found, problems=(("no_match", "no certificate, key or kubeconfig is in this directory"),))
    return found


def _of_cluster(found: observe.Found, layout: Layout, names: Sequence[str]) -> observe.Found:
    """What logs in to this cluster has to know its CA and be known by it, wherever the kubeconfig lies."""
    if found.entry.form != KUBECONFIG or not is_own_api(layout, found.server, names):
        return found
    return replace(found, entry=replace(found.entry, authority=CLUSTER_CA))


def _unseen(paths: Sequence[str], count: int) -> observe.Found:
    """More files than are looked at are a finding: what nobody sees is not ok."""
    problem = ("too_many_files", f"{count} files were not looked at, {extra.MAX_FILES} were")
    name = ", ".join(paths)
    return observe.Found(Entry("paths", name), File(name), problems=(problem,))


def summary(result: Mapping[str, Any], level: str) -> str:
    """One line for each entry at this level or worse."""
    worse = policy.LEVELS[policy.LEVELS.index(level) :]
    return "; ".join(
        f"{row['name']} ({row['path']}): {row['verdict']}, {row['reasons'][0]['message']}"
        for row in result["certificates"]
        if row["verdict"] in worse
    )


def _summed(rows: list[dict[str, Any]]) -> dict[str, Any]:
    counted = Counter(row["verdict"] for row in rows)
    worst = max(counted, key=policy.LEVELS.index, default=policy.OK)
    counts = {level: counted.get(level, 0) for level in policy.LEVELS}
    return {"certificates": rows, "verdict": worst, "counts": counts}


def _port(served: Served, standard: policy.Standard, names: Sequence[str] = ()) -> dict[str, Any]:
    """A port whose certificate is in no file that is known; names are what clients connect to."""
    return policy.served_as_dict(served, policy.judge_served(served, standard, names), standard.now)


def _asked(texts: Sequence[str]) -> list[Endpoint]:
    endpoints = [observe.endpoint(text) for text in texts]
    for text, endpoint in zip(texts, endpoints):
        if not endpoint.host or not 0 < endpoint.port < 65536:
            raise KubeopsError("an entry of endpoints is no host:port", seen=repr(text), fix="write 192.0.2.1:6443")
    return endpoints


def _clock_offset(options: Mapping[str, Any], now: datetime) -> float | None:
    """Seconds that this node's clock is ahead; None where it is compared with nothing."""
    reference = options["reference_time"]
    return round(now.timestamp() - reference, 1) if reference else None


def _wrong_clock(offset: float | None, most: float) -> list[tuple[observe.Found, policy.Reason]]:
    """A finding where every verdict of the node is by a clock that is wrong, or by whose the controller's is."""
    if offset is None or abs(offset) <= most:
        return []
    text = f"the clock is {offset:+g} s apart from the controller's; certificates are judged by the node's"
    reason = policy.Reason("clock_offset", policy.CRITICAL, text, "set the clocks by NTP, then check again")
    return [(observe.Found(Entry("clock", "system clock", form=CLOCK), File("system clock")), reason)]
