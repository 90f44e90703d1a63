# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kubernetes versions: parsed and compared here and nowhere else."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_RELEASE = re.compile(r"v?(\d+)\.(\d+)\.(\d+)(?:-([0-9A-Za-z.-]+))?(?:\+([0-9A-Za-z.-]+))?")
_MINOR = re.compile(r"v?(\d+)\.(\d+)")


@dataclass(frozen=True, order=True)
class Minor:
    """A minor release, 1.36. Ordered."""

    major: int
    minor: int

    @classmethod
    def parse(cls, text: str) -> Minor:
        """From "1.36" or "v1.36"; raises ValueError."""
        match = _MINOR.fullmatch(text.strip())
        if match is None:
            raise ValueError(f"{text!r} is not a minor release such as 1.36")
        return cls(int(match[1]), int(match[2]))

    def plus(self, steps: int) -> Minor:
        """The minor release `steps` later, or earlier where negative."""
        return Minor(self.major, self.minor + steps)

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}"


@dataclass(frozen=True, order=True)
class KubeVersion:
    """A semantic version, 1.36.3. A pre-release sorts before its release; build metadata is ignored.

    str() has no leading v; `tag` has it.
    """

    major: int
    minor: int
    patch: int
    _precedence: tuple[tuple[int, int, str], ...] = field(repr=False, default=())
    prerelease: str = field(compare=False, default="")

    @classmethod
    def parse(cls, text: str) -> KubeVersion:
        """From "1.36.3", "v1.36.3", "v1.37.0-rc.1", "v1.36.3+build"; raises ValueError."""
        match = _RELEASE.fullmatch(str(text).strip())
        if match is None:
            raise ValueError(f"{text!r} is not a version such as 1.36.3")
        prerelease = match[4] or ""
        return cls(int(match[1]), int(match[2]), int(match[3]), _precedence(prerelease), prerelease)

    @property
    def line(self) -> Minor:
        """The minor release it belongs to."""
        return Minor(self.major, self.minor)

    @property
    def tag(self) -> str:
        """As image tags and directories have it: v1.36.3."""
        return f"v{self}"

    def __str__(self) -> str:
        core = f"{self.major}.{self.minor}.{self.patch}"
        return f"{core}-{self.prerelease}" if self.prerelease else core


def _precedence(prerelease: str) -> tuple[tuple[int, int, str], ...]:
    """Semantic Versioning 2.0, item 11: numbers sort before words, and a release after all."""
    if not prerelease:
        return ((2, 0, ""),)
    return tuple((0, int(part), "") if part.isdigit() else (1, 0, part) for part in prerelease.split("."))


def numbers(text: str) -> tuple[int, ...]:
    """The leading numbers of any version text ("5.15.0-91-generic", "v1.7.2~ds1"): (5, 15, 0); () without any."""
    match = re.match(r"[vV]?(\d+(?:\.\d+)*)", text.strip())
    return tuple(int(part) for part in match[1].split(".")) if match else ()
