# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads the YAML that people and Kubernetes' own writers use (pure): nodes need no YAML library.

Block and flow collections, plain and quoted scalars of one line or several, literal blocks, JSON. Anchors, tags,
directives and several documents are refused. Every scalar is a string. Errors name the line and what kind of thing
stands there, never a word of the text, which may be a secret.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any, Union

MAX_DEPTH = 40
Value = Union[str, list[Any], dict[str, Any]]

_KEY = re.compile(
    r"(?P<key>\"(?:[^\"\\]|\\.)*\"|'(?:[^']|'')*'"
    r"|(?:[^\s\"'#&*!|>%@`{}\[\],-]|-(?=[^\s:#]))(?:[^:#]|:(?=\S)|(?<=\S)#)*):(?=\s|$)"
)
_COMMENT = re.compile(r"\s#.*$")
_BEGIN = re.compile(r"---(?=\s|$)")
_END = re.compile(r"\.\.\.[ \t]*(?:(?<=\s)#.*)?")
# In braces, brackets and quotes, where a line's end is a space.
_SPACE = re.compile(r"(?:\s+(?:#[^\n]*)?)*")
_REST = re.compile(r"[ \t]*(?:(?<=\s)#[^\n]*)?(?=\n|\Z)")
_FOLD = re.compile(r"[ \t]*\n\s*")
_DOUBLE = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_SINGLE = re.compile(r"'[^']*(?:''[^']*)*'")
_PLAIN = re.compile(
    r"(?![&*!|>%@`\"'#]|[?-](?=[\s,\[\]{}]))(?:[^\s,\[\]{}:]+|:(?=[^\s,\[\]{}])|\s+(?=[^\s,\[\]{}:#]))+"
)
_ESCAPE = re.compile(r"\\(\n[ \t]*|.)", re.DOTALL)
_NULL = ("~", "null")


class NotRead(ValueError):  # noqa: N818 - what the text is, not a fault of ours
    """The text is no YAML, or uses what this reader does not know."""


def parse(text: str) -> Value:
    """Return the document; raises NotRead."""
    reader = _Reader(_document(text.replace("\r\n", "\n").split("\n")))
    value = reader.block(reader.indent(), 0)
    if reader.line() is not None:
        raise reader.not_read("the indentation fits nothing above")
    return value


def _document(lines: list[str]) -> list[str]:
    """The lines without the marks of a document's begin and end; a second one is refused."""
    said = [number for number, line in enumerate(lines) if line.strip() and not line.lstrip().startswith("#")]
    if said and _BEGIN.match(lines[said[0]]):
        lines[said[0]] = lines[said[0]].replace("---", "   ", 1)
    if said and _END.fullmatch(lines[said[-1]]):
        lines[said.pop()] = ""
    for number in said:
        if _BEGIN.match(lines[number]) or lines[number].startswith("..."):
            raise NotRead(f"line {number + 1}: another document begins")
    return lines


class _Reader:
    """Walks the lines once."""

    def __init__(self, lines: Sequence[str]) -> None:
        self._lines = list(lines)
        self._text = "\n".join(lines)
        self._offset = 0  # of the line in the text
        self._next = 0
        self._skip()

    def not_read(self, what: str) -> NotRead:
        return NotRead(f"line {self._next + 1}: {what}")

    def line(self) -> str | None:
        return self._lines[self._next] if self._next < len(self._lines) else None

    def indent(self) -> int:
        line = self.line()
        return len(line) - len(line.lstrip(" ")) if line is not None else -1

    def advance(self) -> None:
        self._step()
        self._skip()

    def _step(self) -> None:
        self._offset += len(self._lines[self._next]) + 1
        self._next += 1

    def _skip(self) -> None:
        while (line := self.line()) is not None and (not line.strip() or line.lstrip().startswith("#")):
            self._step()

    def block(self, indent: int, depth: int) -> Value:
        """The mapping, sequence or scalar whose lines begin at this column."""
        if depth > MAX_DEPTH:
            raise self.not_read("nested too deeply")
        line = self.line()
        if line is None:
            return ""
        text = line.strip()
        if text.startswith("- ") or text == "-":
            return self._sequence(indent, depth)
        if _KEY.match(text):
            return self._mapping(indent, depth)
        return self._scalar(text, indent - 1)

    def _sequence(self, indent: int, depth: int) -> Value:
        items: list[Any] = []
        while self.indent() == indent and (text := (self.line() or "").strip()).startswith("-"):
            if not (text == "-" or text.startswith("- ")):
                raise self.not_read("neither an item nor a key")
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
            key = self._key(match["key"])
            if key in values:
                raise self.not_read("a key stands twice")
            values[key] = self._value(text[match.end() :].strip(), indent, depth)
        return values

    def _key(self, text: str) -> str:
        return _Flow(text, 0, self._next).scalar() if text[0] in "\"'" else text.strip()

    def _value(self, rest: str, indent: int, depth: int) -> Value:
        if rest and not rest.startswith("#"):
            return self._scalar(rest, indent)
        self.advance()
        below = self.indent()
        sequence = (self.line() or "").lstrip(" ").startswith("-")
        if below > indent or (below == indent and sequence):
            return self.block(below, depth + 1)
        return ""

    def _scalar(self, text: str, indent: int) -> Value:
        """What begins here and goes on in the lines beyond this column."""
        if text[0] in "|>":
            return self._literal(text, indent)
        if text[0] in "{[\"'":
            return self._flow(text)
        if text[0] in "&*!%@`":
            raise self.not_read("anchors, tags and directives are not read")
        plain = self._plain(text, indent)
        return "" if plain in _NULL else plain

    def _plain(self, text: str, indent: int) -> str:
        parts = [_COMMENT.sub("", text).strip()]
        if re.search(r":(?=\s|$)", parts[0]):
            raise self.not_read("a value has a key in it")
        self.advance()
        while self.indent() > indent:
            text = (self.line() or "").strip()
            if re.search(r":(?=\s|$)|\s#", text):
                raise self.not_read("a value goes on here, with a key or a comment in it")
            parts.append(text)
            self.advance()
        return " ".join(parts)

    def _flow(self, text: str) -> Value:
        line = self._lines[self._next].rstrip()
        flow = _Flow(self._text, self._offset + len(line) - len(text))
        value = flow.value(0)
        if not _REST.match(self._text, flow.position):
            raise flow.not_read("something follows what stands in quotes, braces or brackets")
        for __ in range(self._text.count("\n", self._offset, flow.position)):
            self._step()
        self.advance()
        return value

    def _literal(self, marker: str, indent: int) -> str:
        self._step()
        lines: list[str] = []
        while (line := self.line()) is not None and (not line.strip() or self.indent() > indent):
            lines.append(line.strip())
            self._step()
        self._skip()
        return ("\n" if marker[0] == "|" else " ").join(lines).rstrip() + "\n"


class _Flow:
    """Reads one value in quotes, braces or brackets, over the ends of lines."""

    def __init__(self, text: str, position: int, lines_before: int = 0) -> None:
        self._text = text
        self._lines_before = lines_before
        self.position = position

    def not_read(self, what: str) -> NotRead:
        return NotRead(f"line {self._lines_before + self._text.count(chr(10), 0, self.position) + 1}: {what}")

    def value(self, depth: int) -> Value:
        if depth > MAX_DEPTH:
            raise self.not_read("nested too deeply")
        if self._takes("{"):
            return self._mapping(depth)
        return self._sequence(depth) if self._takes("[") else self.scalar()

    def scalar(self) -> str:
        mark = self._ahead()
        kind = {'"': _DOUBLE, "'": _SINGLE}.get(mark, _PLAIN)
        match = kind.match(self._text, self.position)
        if not match:
            raise self.not_read("a value in quotes, braces or brackets does not end, or holds what is not read")
        text = _FOLD.sub(_folded, _ESCAPE.sub(_escaped, match[0]) if mark == '"' else match[0])
        if mark == '"':
            text = self._unescaped(text)
        elif mark == "'":
            text = text[1:-1].replace("''", "'")
        self.position = match.end()
        return "" if kind is _PLAIN and text in _NULL else text

    def _unescaped(self, text: str) -> str:
        try:
            return str(json.loads(text, strict=False))
        except ValueError:
            raise self.not_read("a quoted value has an escape that JSON does not have") from None

    def _sequence(self, depth: int) -> Value:
        items: list[Any] = []
        while not self._takes("]"):
            items.append(self.value(depth + 1))
            self._parted("]")
        return items

    def _mapping(self, depth: int) -> Value:
        values: dict[str, Any] = {}
        while not self._takes("}"):
            quoted = self._ahead() in ('"', "'")
            key = self.scalar()
            if key in values:
                raise self.not_read("a key stands twice")
            apart = quoted or self._text[self.position + 1 : self.position + 2] in ("", *" \t\n,[]{}")
            given = self._ahead() == ":" and apart and self._takes(":") and self._ahead() not in (",", "}")
            values[key] = self.value(depth + 1) if given else ""
            self._parted("}")
        return values

    def _parted(self, end: str) -> None:
        if not self._takes(",") and self._ahead() != end:
            raise self.not_read("a list in braces or brackets lacks a comma, or its end")

    def _takes(self, mark: str) -> bool:
        taken = self._ahead() == mark
        self.position += taken
        return taken

    def _ahead(self) -> str:
        space = _SPACE.match(self._text, self.position)
        self.position = space.end() if space else self.position
        return self._text[self.position : self.position + 1]


def _escaped(escape: re.Match[str]) -> str:
    """JSON has all but these two: an end of a line that is none, and a space that folding would take."""
    return "" if escape[1][0] == "\n" else " " if escape[1] == " " else escape[0]


def _folded(gap: re.Match[str]) -> str:
    """An empty line in a value is a line's end, a line's end a space."""
    return "\n" * (gap[0].count("\n") - 1) or " "
