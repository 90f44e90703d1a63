# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The manifest of a bundle: what files there are, for which nodes, and how to know that they are whole. Pure.

Format 1 is documented in docs/bundle.md.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any

FORMAT = 1
NAME = "manifest.json"
KINDS = ("binary", "tool", "cni_plugins", "image", "manifest", "runtime")
ROLES = ("control_plane", "node", "test")


@dataclass(frozen=True)
class BundleFile:
    """One file of a bundle.

    `path` is relative to the bundle. `kubernetes` are the versions ("v1.36.3") that need the file, empty for any.
    `role` and `image_id` (digest of the image's configuration) are there for images.
    """

    path: str
    kind: str
    name: str
    version: str
    arch: str
    kubernetes: tuple[str, ...]
    size: int
    sha256: str
    role: str = ""
    image_id: str = ""

    def as_dict(self) -> dict[str, Any]:
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        values["kubernetes"] = list(self.kubernetes)
        return {name: value for name, value in values.items() if value or name not in ("role", "image_id")}


def parse(text: str) -> tuple[BundleFile, ...]:
    """Files of a manifest.

    Raises:
        ValueError: no JSON, another format, or an entry that is not as documented; names the entry.
    """
    try:
        document = json.loads(text)
    except ValueError as error:
        raise ValueError(f"it is not JSON: {error}") from None
    if not isinstance(document, Mapping) or document.get("format") != FORMAT:
        raise ValueError(f"its format is not {FORMAT}")
    return tuple(bundle_file(entry) for entry in document.get("files", []))


def bundle_file(entry: Mapping[str, Any]) -> BundleFile:
    """One entry, checked."""
    try:
        file = BundleFile(**{**entry, "kubernetes": tuple(entry["kubernetes"])})
    except (KeyError, TypeError) as error:
        raise ValueError(f"an entry lacks a field or has an unknown one: {error} in {dict(entry)!r}") from None
    _require_known_words(file)
    path = PurePosixPath(file.path)
    if path.is_absolute() or ".." in path.parts:
        raise ValueError(f"the path {file.path!r} leads out of the bundle")
    if len(file.sha256) != 64 or file.size < 0:
        raise ValueError(f"{file.path} has no plausible sha256 and size")
    return file


def _require_known_words(file: BundleFile) -> None:
    if file.kind not in KINDS:
        raise ValueError(f"{file.path} has the unknown kind {file.kind!r}")
    if file.kind == "image" and (file.role not in ROLES or not file.image_id):
        raise ValueError(f"the image {file.path} needs a role ({', '.join(ROLES)}) and an image_id")


def dump(files: Iterable[BundleFile], created: datetime) -> str:
    """The manifest as text, sorted by path."""
    entries = [file.as_dict() for file in sorted(files, key=lambda file: file.path)]
    document = {"format": FORMAT, "created": created.isoformat(timespec="seconds"), "files": entries}
    return json.dumps(document, indent=1) + "\n"
