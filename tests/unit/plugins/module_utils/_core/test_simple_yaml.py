# SPDX-License-Identifier: GPL-3.0-or-later
"""YAML as people and programs write it, read without a library; what is not read is told without a word of it."""

from __future__ import annotations

import contextlib
import time

import pytest
import yaml
from ansible_collections.kubeops.cluster.plugins.module_utils._core import simple_yaml


@pytest.mark.parametrize(
    "text",
    [
        "args: [eks, get-token]",
        "args: [eks,\n  'get-token', # why\n  \"a b\",\n]\nenv: {}\n",
        "user: {token: abc, 'quoted key':1, empty: , url: 'https://a:1/{b}'}",
        "a: {b: [c, {d: e}], f: g h}\n",
        "- [a, [b]]\n- {c: d}\n- e",
        "--- # comment\na: b\n",
        "--- {a: b,\n  c: d}\n",
        "# first\n---\na: b\n... # end\n# last\n",
        "a: QUJD\n  REVG\n  Rw==\nb: c",
        "a:\n  QUJD\n  REVG\nb: c",
        "a: \"x\n  y\"\nb: 'x\n\n  y'\n",
        'a: "tab\\tquote\\""',
        'a: "long\\\n  \\ line\\\\"\n',
        "arn:aws:eks: a\nb#c: d\n-e: f",
        "- arn:aws: [a]\n- b:c\n",
        "- a\n  b\n- c: d\n  e: f",
        "- |\n  a\n  b\n- c",
        "a: https://b:1/c#d # e\nf: g:h\n",
        '{"a": {"b": ["c", "d"]}}',
        "{a: b,\n c: d}\n",
    ],
)
def test_it_reads_what_the_library_reads(text: str) -> None:
    expected = yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506 - it makes strings of everything
    assert simple_yaml.parse(text) == expected


SECRET = "Sup3rSecretPassw0rd"


@pytest.mark.parametrize(
    ("text", "number"),
    [
        (f"a: b\npassword: !{SECRET}", 2),
        (f"a: &{SECRET} b", 1),
        (f"a: [&{SECRET}]", 1),
        (f"a: '{SECRET}", 1),
        (f'a: "{SECRET}', 1),
        (f'a: "{SECRET}\\x"', 1),
        (f"a: {{b: {SECRET}", 1),
        (f"a: [{SECRET}\n}}", 2),
        (f"a: {{}} {SECRET}", 1),
        (f"{SECRET}: a\n{SECRET}: b", 2),
        (f"a: {{{SECRET}: a, {SECRET}: b}}", 1),
        (f"a:\n  - b\n  -{SECRET}", 3),
        (f"a: b\n  {SECRET}: c", 2),
        (f"a: b\n{SECRET}\n", 2),
        (f"a: {SECRET}: b\n", 1),
        (f"a: b\n---\n{SECRET}: d", 2),
        (f"a: b\n...\n{SECRET}: d", 2),
        ("[" * 5000 + SECRET, 1),
        ("\n".join(f"{' ' * depth}a:" for depth in range(50)), 42),
    ],
)
def test_what_is_not_read_is_named_by_its_line_alone(text: str, number: int) -> None:
    with pytest.raises(simple_yaml.NotRead) as caught:
        simple_yaml.parse(text)
    assert str(caught.value).startswith(f"line {number}: ")
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "[" + "a, " * 60_000,
        'a: "' + "\\n" * 100_000,
        "a: b\n" + "  c\n" * 50_000,
        "a: [\n" + " # c\n" * 50_000,
        "{a: b" + " " * 200_000,
    ],
)
def test_a_large_file_takes_a_while_at_most(text: str) -> None:
    began = time.process_time()
    with contextlib.suppress(simple_yaml.NotRead):
        simple_yaml.parse(text)
    assert time.process_time() - began < 5.0
