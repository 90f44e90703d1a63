# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes TOML 1.0 (https://toml.io/en/v1.0.0); the standard library only reads it. Pure."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+\Z")


def dumps(document: Mapping[str, Any]) -> str:
    """The document as TOML: scalars first, then tables, in the order of the mapping.

    Raises:
        ValueError: a value TOML has no word for (null, NaN in lists of tables, other objects); names its path.
    """
    return "\n".join(_table((), document)).lstrip("\n") + "\n"


def _table(path: tuple[str, ...], table: Mapping[str, Any]) -> Iterator[str]:
    for key, value in table.items():
        if not _is_table(value) and not _is_table_array(value):
            yield f"{_key(key)} = {_value((*path, key), value)}"
    for key, value in table.items():
        inner = (*path, str(key))
        if _is_table(value):
            if not value or any(not _is_table(item) for item in value.values()):
                yield f"\n[{_dotted(inner)}]"
            yield from _table(inner, value)
        elif _is_table_array(value):
            for item in value:
                yield f"\n[[{_dotted(inner)}]]"
                yield from _table(inner, item)


def _is_table(value: Any) -> bool:
    return isinstance(value, Mapping)


def _is_table_array(value: Any) -> bool:
    return _is_array(value) and bool(value) and all(isinstance(item, Mapping) for item in value)


def _is_array(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, (str, bytes))


def _dotted(path: tuple[str, ...]) -> str:
    return ".".join(_key(part) for part in path)


def _key(key: Any) -> str:
    return str(key) if _BARE_KEY.match(str(key)) else _string(str(key))


def _string(text: str) -> str:
    # JSON's escapes are TOML's, but for DEL, which TOML wants escaped; a lone surrogate is neither.
    if any("\ud800" <= char <= "\udfff" for char in text):
        raise ValueError(f"TOML has no way to write the text {text!r}")
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _value(path: tuple[str, ...], value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _string(value)
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return _float(value)
    if _is_array(value):
        return "[" + ", ".join(_value(path, item) for item in value) + "]"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_key(key)} = {_value((*path, key), item)}" for key, item in value.items()) + "}"
    raise ValueError(f"TOML has no way to write {'.'.join(map(str, path))}: {value!r}")


def _float(value: float) -> str:
    if math.isnan(value):
        return "nan"
    if math.isinf(value):
        return "inf" if value > 0 else "-inf"
    # 1e+16 is Python's word and also TOML's.
    return repr(value)
