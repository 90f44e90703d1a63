# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Decides which objects of a manifest have to be applied. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from .._core.plan import Plan, Step
from .objects import Key, Object, comparable, custom_kinds, key


def ready_for_dry_run(items: Iterable[Object], live: Mapping[Key, Object]) -> list[Object]:
    """Objects the server can judge: their namespace and definition are not still to be created."""
    wanted = list(items)
    missing = {key(item) for item in wanted} - set(live)
    absent_namespaces = {entry.name for entry in missing if entry.kind == "Namespace"}
    absent_kinds = {kind for kind, definition in custom_kinds(wanted).items() if definition in missing}
    return [
        item
        for item in wanted
        if (key(item).group, key(item).kind) not in absent_kinds and key(item).namespace not in absent_namespaces
    ]


def make(items: Iterable[Object], live: Mapping[Key, Object], predicted: Mapping[Key, Object]) -> Plan:
    """Compare what is there with what the server says would be there.

    predicted: answer of a server-side dry run, by key. An object it lacks could not be
    judged yet, and is created.
    """
    steps, before, after = [], {}, {}
    for item in items:
        name = key(item)
        now = comparable(live[name]) if name in live else None
        then = comparable(predicted.get(name, item))
        if now == then:
            continue
        reason = "it does not exist" if now is None else "it differs from the manifest"
        steps.append(Step("create" if now is None else "update", str(name), reason))
        before.update({str(name): now} if now is not None else {})
        after[str(name)] = then
    return Plan(tuple(steps), before=_text(before), after=_text(after))


def _text(shown: Mapping[str, Any]) -> str:
    return "".join(f"{name}\n{json.dumps(shown[name], indent=2, sort_keys=True)}\n" for name in shown)
