# SPDX-License-Identifier: GPL-3.0-or-later
"""Which filters give a list in random order."""

from __future__ import annotations

import pytest

from tools.checks.list_order import found


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("left: \"{{ groups['workers'] | difference(ansible_play_hosts) }}\"", [1]),
        ("a: 1\nb: >-\n  {{ one\n     |union(two) | first }}\n", [4]),
        ('a: "{{ one | intersect(two) | symmetric_difference(three) }}"', [1, 1]),
        ("a: \"{{ groups['workers'] | reject('in', ansible_play_hosts) | unique }}\"", []),
        ("# the difference is said, and the union of both", []),
    ],
)
def test_found(text: str, lines: list[int]) -> None:
    assert [int(one.partition(":")[0].split()[1]) for one in found(text)] == lines
