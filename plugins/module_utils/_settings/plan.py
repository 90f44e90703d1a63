# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What has to change in the kernel settings of a node, and what cannot. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .._core.plan import Plan, Refused, Step
from .model import (
    FSTAB,
    Observed,
    Sysctl,
    Wanted,
    fstab_swaps,
    modules_text,
    same_value,
    swap_unit,
    sysctl_text,
    without_swap,
)

SWAPOFF, MASK, WRITE, LOAD, SET = "swapoff", "mask", "write", "modprobe", "sysctl"
NO_KEY = Sysctl(value=None)


def plan_settings(wanted: Wanted, seen: Observed) -> Plan:
    """Steps in the order swap, modules, sysctls: net.bridge keys exist only once br_netfilter is loaded."""
    steps = (*_swap(wanted, seen), *_modules(wanted, seen), *_sysctls(wanted, seen))
    before, after = _sides(wanted, seen, steps)
    return Plan(
        steps=steps,
        refusals=tuple(_refusals(wanted, seen)),
        before=before,
        after=after,
        warnings=tuple(_warnings(wanted, seen)),
    )


def _swap(wanted: Wanted, seen: Observed) -> Iterator[Step]:
    if not wanted.swap_off:
        return
    configured = fstab_swaps(seen.fstab)
    if configured:
        yield Step(WRITE, FSTAB, "has swap: " + ", ".join(configured), {"content": without_swap(seen.fstab)})
    for name in seen.active_swap:
        yield Step(SWAPOFF, name, "swap is active")
        # Not from fstab: found by a generator (GPT type, zram), which would bring it back at boot.
        if not configured:
            yield Step(MASK, swap_unit(name), f"{name} is not in {FSTAB}, a generator starts it")


def _modules(wanted: Wanted, seen: Observed) -> Iterator[Step]:
    content = modules_text(wanted.modules)
    if seen.modules_file != content:
        yield Step(WRITE, wanted.modules_file, _file_reason(seen.modules_file), {"content": content})
    for name in _missing_modules(wanted, seen):
        yield Step(LOAD, name, "neither loaded nor built in")


def _missing_modules(wanted: Wanted, seen: Observed) -> list[str]:
    return [name for name in wanted.modules if name not in seen.effective_modules]


def _sysctls(wanted: Wanted, seen: Observed) -> Iterator[Step]:
    present = {name: value for name, value in wanted.sysctls.items() if not _skipped(name, wanted, seen)}
    content = sysctl_text(present)
    if seen.sysctl_file != content:
        yield Step(WRITE, wanted.sysctl_file, _file_reason(seen.sysctl_file), {"content": content})
    for name, value in present.items():
        live = seen.sysctls.get(name, NO_KEY).value
        if not same_value(live, value):
            yield Step(SET, name, f"is {live or 'not there yet'}, wanted {value}", {"value": value})


def _skipped(name: str, wanted: Wanted, seen: Observed) -> bool:
    """An optional key that the kernel lacks, or keeps read-only at another value."""
    key = seen.sysctls.get(name, NO_KEY)
    settable = same_value(key.value, wanted.sysctls[name]) or (key.value is not None and key.writable)
    return name in wanted.optional_sysctls and not settable


def _file_reason(content: str | None) -> str:
    return "missing" if content is None else "content differs"


def _refusals(wanted: Wanted, seen: Observed) -> Iterator[Refused]:
    modules_to_come = bool(_missing_modules(wanted, seen))
    for name, value in wanted.sysctls.items():
        key = seen.sysctls.get(name, NO_KEY)
        if name in wanted.optional_sysctls or same_value(key.value, value):
            continue
        if key.value is None and not modules_to_come:
            yield Refused(
                "sysctl-exists",
                f"this kernel has no key {name} (wanted {value})",
                "sysctls",
                "remove the key, load the module that brings it, or list it as optional",
            )
        elif key.value is not None and not key.writable:
            yield Refused(
                "sysctl-writable",
                f"{name} is {key.value} and read-only here (wanted {value})",
                "sysctls",
                "set it on the host that runs this container, or list it as optional",
            )


def _warnings(wanted: Wanted, seen: Observed) -> Iterator[str]:
    for name in seen.active_swap if wanted.swap_off else ():
        if "zram" in name:
            yield f"{name} is compressed swap made by a service of the distribution: disable that service too"
    for name in sorted(wanted.optional_sysctls & set(wanted.sysctls)):
        if _skipped(name, wanted, seen):
            yield f"optional sysctl {name} cannot be set on this kernel and is left out"


def _sides(wanted: Wanted, seen: Observed, steps: tuple[Step, ...]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What --diff shows: only what the steps touch."""
    contents = {FSTAB: seen.fstab, wanted.modules_file: seen.modules_file, wanted.sysctl_file: seen.sysctl_file}
    before: dict[str, Any] = {}
    after: dict[str, Any] = {}
    for step in steps:
        key = f"{step.action} {step.target}"
        if step.action == WRITE:
            before[key], after[key] = _lines(contents[step.target]), _lines(step.data["content"])
        elif step.action == SET:
            before[key], after[key] = seen.sysctls.get(step.target, NO_KEY).value, step.data["value"]
        else:
            before[key], after[key] = step.reason, "done"
    return before, after


def _lines(content: str | None) -> list[str]:
    return (content or "").splitlines()
