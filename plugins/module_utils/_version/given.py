# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shape of what people give, judged where it is read, so that a wrong one is named (pure)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def mapping(name: str, value: Any) -> Mapping[str, Any]:
    """The value, empty where there is none; raises ValueError where it is no mapping."""
    if not value:
        return {}
    if not isinstance(value, Mapping):
        raise ValueError(f"{name} is {value!r}, no mapping")
    return value


def items(name: str, value: Any) -> Sequence[Any]:
    """The value, empty where there is none; raises ValueError where it is no list."""
    if not value:
        return ()
    if not isinstance(value, (list, tuple)):
        raise ValueError(f"{name} is {value!r}, no list")
    return value


def entry(name: str, value: Any, *keys: str) -> Mapping[str, Any]:
    """A mapping that has these keys; raises ValueError where it is none."""
    found = mapping(name, value)
    missing = [key for key in keys if key not in found]
    if missing:
        raise ValueError(f"{name} has no {missing[0]}")
    return found


def choice(name: str, value: Any, choices: Sequence[str]) -> str:
    """The value, the first of the choices where there is none; raises ValueError where it is none of them."""
    if value and value not in choices:
        raise ValueError(f"{name} is {value!r}, not one of {', '.join(choices)}")
    return str(value or choices[0])
