# SPDX-License-Identifier: GPL-3.0-or-later
"""What is remembered of a lab: the intent, written before anything is made."""

from __future__ import annotations

import json
from pathlib import Path

from tests.lab.errors import LabError
from tests.lab.model import Lab
from tests.lab.paths import Paths
from tests.lab.shell import write


def _file(paths: Paths, lab_id: str) -> Path:
    return paths.lab(lab_id) / "lab.json"


def load(paths: Paths, lab_id: str) -> Lab | None:
    file = _file(paths, lab_id)
    return Lab.from_dict(json.loads(file.read_text())) if file.exists() else None


def require(paths: Paths, lab_id: str) -> Lab:
    lab = load(paths, lab_id)
    if lab is None:
        known = ", ".join(known_ids(paths)) or "none"
        raise LabError(f"there is no lab {lab_id!r}; labs here: {known}")
    return lab


def save(paths: Paths, lab: Lab) -> None:
    write(_file(paths, lab.id), json.dumps(lab.to_dict(), indent=2) + "\n")


def known_ids(paths: Paths) -> list[str]:
    if not paths.state.is_dir():
        return []
    return sorted(path.name for path in paths.state.iterdir() if path.is_dir() and path.name[0] != ".")


def known_labs(paths: Paths) -> list[Lab]:
    labs = (load(paths, lab_id) for lab_id in known_ids(paths))
    return [lab for lab in labs if lab is not None]
