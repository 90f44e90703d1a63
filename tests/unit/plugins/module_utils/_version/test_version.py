# SPDX-License-Identifier: GPL-3.0-or-later
"""Versions: parsing, order, and the release table's own consistency."""

from __future__ import annotations

from datetime import date

import pytest
from ansible_collections.kubeops.cluster.plugins.module_utils._version import releases
from ansible_collections.kubeops.cluster.plugins.module_utils._version.version import KubeVersion, Minor, numbers


@pytest.mark.parametrize(
    ("text", "shown", "tag"),
    [
        ("1.36.3", "1.36.3", "v1.36.3"),
        ("v1.36.3", "1.36.3", "v1.36.3"),
        (" 1.36.3\n", "1.36.3", "v1.36.3"),
        ("v1.37.0-rc.1", "1.37.0-rc.1", "v1.37.0-rc.1"),
        ("v1.36.3+k3s1", "1.36.3", "v1.36.3"),
    ],
)
def test_parse(text: str, shown: str, tag: str) -> None:
    version = KubeVersion.parse(text)
    assert (str(version), version.tag) == (shown, tag)


@pytest.mark.parametrize("text", ["", "1.36", "1.36.x", "latest", "1.36.3.1", "vv1.36.3", "-1.2.3"])
def test_no_version(text: str) -> None:
    with pytest.raises(ValueError, match="is not a version"):
        KubeVersion.parse(text)


def test_order() -> None:
    ordered = ["1.9.10", "1.10.0", "1.36.0-alpha.1", "1.36.0-alpha.2", "1.36.0-alpha.10", "1.36.0-beta.0", "1.36.0"]
    versions = [KubeVersion.parse(text) for text in ordered]
    backwards = versions[::-1]
    assert sorted(backwards) == versions


def test_equal_by_what_counts() -> None:
    assert KubeVersion.parse("v1.36.3") == KubeVersion.parse("1.36.3+build")
    assert KubeVersion.parse("1.36.0-rc.1") != KubeVersion.parse("1.36.0")


def test_minor() -> None:
    assert KubeVersion.parse("1.36.3").line == Minor.parse("v1.36")
    assert str(Minor(1, 36).plus(-1)) == "1.35"
    assert Minor(1, 9) < Minor(1, 10)
    with pytest.raises(ValueError, match="minor release"):
        Minor.parse("1.36.3")


@pytest.mark.parametrize(
    ("text", "expected"),
    [("5.15.0-91-generic", (5, 15, 0)), ("v1.7.2~ds1", (1, 7, 2)), ("6.1", (6, 1)), ("unknown", ())],
)
def test_numbers(text: str, expected: tuple[int, ...]) -> None:
    assert numbers(text) == expected


def test_release_table_is_whole() -> None:
    minors = [entry.minor for entry in releases.RELEASES]
    assert minors == [releases.OLDEST.plus(step) for step in range(len(minors))]
    for entry in releases.RELEASES:
        assert entry.released < entry.maintenance < entry.end_of_life


@pytest.mark.parametrize(
    ("today", "expected"),
    [
        (date(2026, 6, 1), ["1.33", "1.34", "1.35", "1.36"]),
        (date(2026, 9, 1), ["1.34", "1.35", "1.36", "1.37"]),
        (date(2026, 10, 28), ["1.35", "1.36", "1.37"]),
        (date(2040, 1, 1), []),
    ],
)
def test_supported_on_a_day(today: date, expected: list[str]) -> None:
    assert list(map(str, releases.supported(today))) == expected


def test_floors_of_an_unknown_minor_are_the_nearest() -> None:
    assert releases.release(Minor(1, 99)) is None
    assert releases.floors(Minor(1, 99)) == releases.RELEASES[-1]
    assert releases.floors(Minor(1, 12)) == releases.RELEASES[0]
