# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads the part of YAML that Kubernetes' own writers use (pure): nodes need no YAML library.

Block mappings and sequences, plain and quoted scalars, literal blocks, flow collections that
are JSON. Anchors, tags and several documents are refused. Every scalar is a string.
"""

from __future__ import annotations

import json
import re
from typing import Any, Union

MAX_DEPTH = 40
Value = Union[str, list[Any], dict[str, Any]]

_KEY = re.compile(
    r"(?P<key>\"(?:[^\"\\]|\\.)*\"|'(?:[^']|'')*'|[^\s\"'#&*!|>%@`{}\[\],-][^:#]*|-[^\s:#][^:#]*):(?=\s|$)"
)
_COMMENT = re.compile(r"\s#.*$")


class NotRead(ValueError):  # noqa: N818 - what the text is, not a fault of ours
    """The text is no YAML, or uses what this reader does not know."""


def parse(text: str) -> Value:
    """Return the document; raises NotRead."""
    if text.lstrip()[:1] in ("{", "["):
        return _flow(text)
    reader = _Reader(text)
    value = reader.block(reader.indent(), 0)
    if reader.line() is not None:
        raise NotRead(f"line {reader.number}: the indentation fits nothing above")
    return value


class _Reader:
    """Walks the lines once."""

    def __init__(self, text: str) -> None:
        self._lines = text.replace("\r\n", "\n").split("\n")
        self._next = 0
        self._skip()

    @property
    def number(self) -> int:
        return self._next + 1

    def line(self) -> str | None:
        return self._lines[self._next] if self._next < len(self._lines) else None

    def indent(self) -> int:
        line = self.line()
        return len(line) - len(line.lstrip(" ")) if line is not None else -1

    def advance(self) -> None:
        self._next += 1
        self._skip()

    def _skip(self) -> None:
        while (line := self.line()) is not None and (
            not line.strip() or line.lstrip().startswith("#") or line == "---"
        ):
            self._next += 1

    def block(self, indent: int, depth: int) -> Value:
        """The mapping or sequence whose lines begin at this column."""
        if depth > MAX_DEPTH:
            raise NotRead(f"line {self.number}: nested too deeply")
        line = self.line()
        if line is None:
            return ""
        text = line.lstrip(" ")
        if text.startswith("- ") or text == "-":
            return self._sequence(indent, depth)
        if _KEY.match(text):
            return self._mapping(indent, depth)
        self.advance()
        return _scalar(text)

    def _sequence(self, indent: int, depth: int) -> Value:
        items: list[Any] = []
        while self.indent() == indent and (text := (self.line() or "").strip()).startswith("-"):
            if not (text == "-" or text.startswith("- ")):
                raise NotRead(f"line {self.number}: neither an item nor a key")
            rest = text[1:].lstrip(" ")
            if not rest or rest.startswith("#"):
                self.advance()
                items.append(self.block(self.indent(), depth + 1) if self.indent() > indent else "")
            else:
                # The item's own first line, as if it stood alone at its column.
                line = self._lines[self._next]
                column = line.index("-", indent) + 1
                column += len(line[column:]) - len(line[column:].lstrip(" "))
                self._lines[self._next] = " " * column + line[column:]
                items.append(self.block(column, depth + 1))
        return items

    def _mapping(self, indent: int, depth: int) -> Value:
        values: dict[str, Any] = {}
        while self.indent() == indent:
            text = (self.line() or "").strip()
            match = _KEY.match(text)
            if not match:
                break
            key = str(_scalar(match["key"]))
            if key in values:
                raise NotRead(f"line {self.number}: the key {key[:60]} stands twice")
            values[key] = self._value(text[match.end() :].strip(), indent, depth)
        return values

    def _value(self, rest: str, indent: int, depth: int) -> Value:
        rest = "" if rest.startswith("#") else rest
        if rest[:1] in ("|", ">"):
            return self._literal(rest, indent)
        self.advance()
        if rest:
            return _scalar(rest)
        below = self.indent()
        sequence = (self.line() or "").lstrip(" ").startswith("-")
        if below > indent or (below == indent and sequence):
            return self.block(below, depth + 1)
        return ""

    def _literal(self, marker: str, indent: int) -> str:
        self._next += 1
        lines: list[str] = []
        while (line := self.line()) is not None and (not line.strip() or self.indent() > indent):
            lines.append(line.strip())
            self._next += 1
        self._skip()
        return ("\n" if marker[0] == "|" else " ").join(lines).rstrip() + "\n"


def _scalar(text: str) -> Value:
    if text[:1] in ("&", "*", "!", "%", "@", "`"):
        raise NotRead(f"anchors, tags and directives are not read: {text[:20]}")
    if text[:1] in ("{", "["):
        return _flow(_COMMENT.sub("", text))
    if text[:1] == '"':
        return _quoted(text)
    if text[:1] == "'":
        end = re.match(r"'((?:[^']|'')*)'", text)
        if not end:
            raise NotRead("a quoted value does not end on its line")
        return end[1].replace("''", "'")
    plain = _COMMENT.sub("", text).strip()
    return "" if plain in ("~", "null") else plain


def _quoted(text: str) -> str:
    end = re.match(r'"(?:[^"\\]|\\.)*"', text)
    try:
        return str(json.loads(end[0])) if end else ""
    except ValueError as error:
        raise NotRead("a quoted value has an escape that JSON does not have") from error


def _flow(text: str) -> Value:
    try:
        value: Value = json.loads(text, parse_int=str, parse_float=str)
    except (ValueError, RecursionError) as error:
        raise NotRead("a value in braces or brackets is no JSON") from error
    return value
